"""The lanes in words, for a person who chooses one."""

from __future__ import annotations

from typing import Final

from packshot.lanes import Lane

#: When a product's pictures are ready, in words.
READY_IN: Final[dict[Lane, str]] = {
    "standard": "in about a minute",
    "flex": "in minutes, or hours when Google is busy",
    "batch": "within a day, often sooner",
}
