"""A seller's address -> bytes: guarded, limited."""
