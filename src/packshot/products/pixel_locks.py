"""The pixel lock of a picture, as the API, the desk and exports show it."""

from __future__ import annotations

from pydantic import Field

from packshot.database.models import PictureColumns
from packshot.fidelity.locks import Lock
from packshot.products.media import media_url
from packshot.products.object_keys import lock_key, made_key


class PixelLockOut(Lock):
    """Whether the product's pixels are the photo's own, and why they are not. `mask` and `made` are
    addresses: the picture with only those pixels in colour, and as it was before the lock."""

    mask: str | None = Field(None, description="shows which pixels are the photo's own")
    made: str | None = Field(None, description="the picture before the lock, at most 1,600 px")


def pixel_lock_of(made: PictureColumns, *, removed: bool) -> PixelLockOut | None:
    """None for a picture that no lock was asked for."""
    if made.pixel_lock is None:
        return None
    found = PixelLockOut.model_validate(made.pixel_lock)
    if not found.locked or made.object_key is None or removed:
        return found
    key = made.object_key
    shown = {"mask": media_url(lock_key(key)), "made": media_url(made_key(key))}
    return found.model_copy(update=shown)
