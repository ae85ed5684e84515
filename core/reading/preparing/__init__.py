"""What is done to a picture during its checks, so that a model sees a cell on black and no more."""
