# A package, so that none of that name among those installed (tf-keras-vis brings one) comes first.
