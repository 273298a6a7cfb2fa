"""Batch jobs: products' requests sent to Google in groups, and their answers."""
