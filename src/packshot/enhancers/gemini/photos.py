"""The photos in requests: most were shrunk when they were normalised, others are shrunk here."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from packshot.enhancers.contract import Photo, RunPixels
from packshot.enhancers.gemini.pixels import SENT_SIDE, shrink


class Photos:
    """Shrinks each photo once, not once per variant: the last few results are kept."""

    def __init__(self, run_pixels: RunPixels, keep: int) -> None:
        self._run_pixels, self._keep = run_pixels, keep
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._busy: dict[bytes, threading.Lock] = {}
        self._lock = threading.Lock()

    def shrink(self, photo: Photo) -> bytes:
        """The photo as JPEG of at most 1,536 px; threads that want the same one wait for it."""
        if photo.mime_type == "image/jpeg" and max(photo.width, photo.height) <= SENT_SIDE:
            return photo.data
        key = hashlib.sha256(photo.data).digest()
        with self._lock:
            busy = self._busy.setdefault(key, threading.Lock())
        try:
            with busy:
                return self._kept.get(key) or self._shrink(key, photo)
        finally:
            with self._lock:
                self._busy.pop(key, None)

    def _shrink(self, key: bytes, photo: Photo) -> bytes:
        made = self._run_pixels(shrink, photo.data)
        assert isinstance(made, bytes)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        return made
