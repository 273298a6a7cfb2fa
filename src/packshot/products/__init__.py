"""The products of a shop: created, listed, decided, exported, kept tidy."""
