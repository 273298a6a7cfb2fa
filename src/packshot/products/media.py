"""The addresses of pictures at this server, for readers who are signed in."""

from __future__ import annotations

from packshot.pictures.imaging import PREVIEW_SIDES, smaller_sides
from packshot.products.object_keys import preview_key


def media_url(key: str) -> str:
    return f"/media/{key}"


def previews(key: str, width: int | None = None, height: int | None = None) -> dict[int, str]:
    """The addresses of previews, by their sides in pixels: of a photo, or of a finished picture of
    this size, which is its own preview where it is no larger."""
    smaller = smaller_sides(width, height) if width and height else PREVIEW_SIDES
    return {
        side: media_url(preview_key(key, side) if side in smaller else key)
        for side in PREVIEW_SIDES
    }
