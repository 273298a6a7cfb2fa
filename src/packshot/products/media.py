"""The addresses of pictures at this server, for readers who are signed in."""

from __future__ import annotations

from packshot.pictures.imaging import PREVIEW_SIDES
from packshot.products.object_keys import preview_key


def media_url(key: str) -> str:
    return f"/media/{key}"


def previews(key: str) -> dict[int, str]:
    """The addresses of a picture's previews, by their sides in pixels."""
    return {side: media_url(preview_key(key, side)) for side in PREVIEW_SIDES}
