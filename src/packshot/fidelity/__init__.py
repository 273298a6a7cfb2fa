"""Measures whether the product in an enhanced picture is still the product of the photo."""
