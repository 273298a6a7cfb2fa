"""The photos in requests: most were shrunk when they were normalised, others are shrunk here."""

from __future__ import annotations

import hashlib
import threading
from operator import attrgetter

from cachetools import LRUCache, cachedmethod

from packshot.enhancers.contract import Photo, RunPixels
from packshot.enhancers.gemini.pixels import SENT_SIDE, shrink


class ShrunkPhotos:
    """Shrinks each photo once, not once per variant: the last few results are kept."""

    def __init__(self, run_pixels: RunPixels, keep: int) -> None:
        self._run_pixels = run_pixels
        self._kept: LRUCache[bytes, bytes] = LRUCache(keep)
        self._changed = threading.Condition()

    def shrink(self, photo: Photo) -> bytes:
        """The photo as JPEG of at most 1,536 px; threads that want the same one wait for it."""
        if photo.mime_type == "image/jpeg" and max(photo.width, photo.height) <= SENT_SIDE:
            return photo.data
        return self._shrink(photo)

    @cachedmethod(
        attrgetter("_kept"),
        key=lambda _, photo: hashlib.sha256(photo.data).digest(),
        condition=attrgetter("_changed"),
    )
    def _shrink(self, photo: Photo) -> bytes:
        made = self._run_pixels(shrink, photo.data)
        assert isinstance(made, bytes)
        return made
