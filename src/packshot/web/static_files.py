"""The pages' own files: their addresses change with their content, so browsers keep them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from flask import Flask, Response, send_from_directory

from packshot.web.requests.endpoints import open_to_all

FOLDER: Final = Path(__file__).parent / "static"
#: Seconds that a browser keeps a file.
KEPT: Final = 365 * 86_400


def fingerprint(folder: Path) -> str:
    """16 hex digits that differ when a file's name or content does."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


@cache
def current_version() -> str:
    """Computed for the first application: commands that serve no page need none."""
    return fingerprint(FOLDER)


def register(app: Flask) -> None:
    """Serve the files at `/static/VERSION/...`, to everyone: the sign-in page loads them."""
    current = current_version()

    @open_to_all
    def static(version: str, filename: str) -> Response:
        """A page of another version is open, or came from a host with another one: it gets the
        file of this version, and must ask again."""
        if version != current or app.debug:
            return send_from_directory(FOLDER, filename)  # no-cache
        response = send_from_directory(FOLDER, filename, max_age=KEPT)
        response.cache_control.immutable = True
        return response

    def add_version(endpoint: str, values: dict[str, object]) -> None:
        if endpoint == "static":
            values.setdefault("version", current)

    app.add_url_rule("/static/<version>/<path:filename>", "static", static)
    app.url_defaults(add_version)
