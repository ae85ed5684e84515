"""Detection sets: boxes around cells in fields, from which a data set of single cells is cut."""
