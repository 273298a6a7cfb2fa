"""gunicorn's settings; the hooks that start and drain the worker are set by `create_app`."""

from packshot.serving.gunicorn_settings import gunicorn_settings

globals().update(gunicorn_settings())
