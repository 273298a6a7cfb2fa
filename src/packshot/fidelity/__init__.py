"""Is the product in an enhanced picture still the product of the photo? It is measured."""
