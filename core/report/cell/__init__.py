"""What is said of the reading of one cell."""
