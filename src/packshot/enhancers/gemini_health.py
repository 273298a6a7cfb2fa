"""What the last calls taught about Gemini: said once in the log, and in /readyz while it holds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from packshot.enhancers import Health
from packshot.errors import Unavailable

log = logging.getLogger("packshot.gemini")


class Standing:
    """The present problem, if any, and notes that stay. Safe to use from many threads."""

    def __init__(self, notes: Sequence[str] = ()) -> None:
        self._problem: Unavailable | None = None
        self._notes = list(notes)
        self._lock = threading.Lock()

    def trouble(self, error: Unavailable) -> None:
        """Remember it; log it when it is another one than before."""
        with self._lock:
            known = self._problem is not None and self._problem.code == error.code
            self._problem = error
        if not known:
            log.warning("%s", error.message)

    def fine(self) -> None:
        """A call succeeded: what was wrong is mended."""
        with self._lock:
            mended, self._problem = self._problem, None
        if mended is not None:
            log.info("Gemini answers again.")

    def note(self, sentence: str) -> None:
        """Something to know that stops nothing; said once."""
        with self._lock:
            if sentence in self._notes:
                return
            self._notes.append(sentence)
        log.warning("%s", sentence)

    def health(self) -> Health:
        """Can Gemini be used, as far as the last calls say?"""
        with self._lock:
            problem = self._problem.message if self._problem else None
            return Health(ok=problem is None, problem=problem, notes=tuple(self._notes))
