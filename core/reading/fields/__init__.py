"""Whole smear fields: their cells read one by one, edited, summed up and exported."""
