"""The rules of marketplaces as dated data, what a picture measures, and which rules it breaks."""
