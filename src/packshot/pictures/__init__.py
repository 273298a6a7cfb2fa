"""Bytes <-> pixels: checking, normalising, finishing, in child processes."""
