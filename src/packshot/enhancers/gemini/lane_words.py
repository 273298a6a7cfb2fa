"""The lanes in words, for a person who chooses one."""

from __future__ import annotations

import math
from typing import Final

from packshot.lanes import Lane
from packshot.settings import GEMINI_SLOTS, Settings

#: Seconds of one product in the standard lane: its analysis, then its pictures at the same time.
PRODUCT_SECONDS: Final = 20
#: When the pictures are ready in the lanes that wait, whatever the number of products.
LATER: Final[dict[Lane, str]] = {
    "flex": "in minutes, or hours when Google is busy",
    "batch": "within a day, often sooner",
}


def one_ready_in(lane: Lane, settings: Settings) -> str:
    """When one product's pictures are ready, for a choice before the products are counted."""
    at_once = f"each product in about {PRODUCT_SECONDS} seconds, {_slots(settings)} at a time"
    return LATER.get(lane, at_once)


def all_ready_in(lane: Lane, products: int, settings: Settings) -> str:
    """When all products' pictures are ready. How many processes will work on them is not known."""
    if lane in LATER:
        return LATER[lane]
    seconds = math.ceil(products / _slots(settings)) * PRODUCT_SECONDS
    calls = products * (1 + settings.enhanced_images_count)
    allowed = 60 * calls // settings.gemini_rpm if settings.gemini_rpm else 0
    if allowed > seconds:
        return f"in about {_duration(allowed)}, because of GEMINI_RPM={settings.gemini_rpm}"
    return f"in about {_duration(seconds)} with one process, {_slots(settings)} products at a time"


def _slots(settings: Settings) -> int:
    return settings.worker_concurrency or GEMINI_SLOTS


def _duration(seconds: int) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds} seconds"
