"""What a person can decide a cell to be."""

# EXCLUDED cells are cells that shall not count.
ALL, HEM, OTHER, NO_CELL, EXCLUDED = LABELS = ("ALL", "HEM", "other", "no cell", "excluded")
# White cells, of which blasts are a share.
COUNTED = (ALL, HEM, OTHER)
CALLED = (ALL, HEM)  # by a model; one that it sends to review it does not call
