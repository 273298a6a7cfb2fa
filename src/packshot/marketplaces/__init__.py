"""The rules of marketplaces as dated data, what a picture measures, and where the two disagree."""
