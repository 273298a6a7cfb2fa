"""Packshot over HTTP: the application (`app`), its API, and who may use it.

Nothing is imported here: a pixel process imports `web.api.import_planning` without the application.
"""
