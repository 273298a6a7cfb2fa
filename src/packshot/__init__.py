"""Packshot turns raw product photos into enhanced, checked, review-ready pictures; read pipeline.py first."""

__version__ = "0.1.0"
