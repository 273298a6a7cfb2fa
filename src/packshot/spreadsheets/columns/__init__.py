"""What a column or a cell means beyond its name: prices, taxes, barcodes, variants, remarks."""
