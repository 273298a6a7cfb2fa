"""Raw product photos in, enhanced and review-ready pictures out; read work/pipeline.py first."""

__version__ = "0.1.0"
