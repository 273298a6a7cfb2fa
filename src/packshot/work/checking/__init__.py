"""Checks of recorded pictures: second opinions, and making again what failed."""
