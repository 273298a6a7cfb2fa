"""Photos by their names: which SKU and which view each shows."""
