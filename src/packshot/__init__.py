"""Turns raw product photos into enhanced, review-ready pictures; read work/pipeline.py first."""

__version__ = "0.1.0"
