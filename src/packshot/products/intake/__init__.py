"""Intake: batches of new products, repeated requests, and photos that have products already."""
