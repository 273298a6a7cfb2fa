"""The specification's entry point of the application: `gunicorn "src.app:create_app()"`."""

from packshot.serving.server import create_app

__all__ = ["create_app"]
