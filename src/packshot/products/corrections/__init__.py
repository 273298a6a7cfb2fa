"""Corrections: of one product, of a whole SKU, and of a product's photo."""
