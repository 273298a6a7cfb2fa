"""The lanes in words: what a person chooses between."""

from __future__ import annotations

from typing import Final

from packshot.enhancers.contract import Lane

#: When a product's pictures are there, for a person who chooses.
READY_IN: Final[dict[Lane, str]] = {
    "standard": "in about a minute",
    "flex": "in minutes, or hours when Google is busy",
    "batch": "within a day, often sooner",
}
