"""The pixels of Gemini's picture sizes."""

from __future__ import annotations

import math

MIN_LONGEST = 2048
SLACK = 1.05  # Gemini rounds its sides to 16 or 32 px: 1376 x 768 for 16:9 at 1K


def nominal_side(size: str) -> int:
    """The side of a square picture of `1K`, `2K` or `4K`; other ratios have as many pixels."""
    return 1024 * int(size.removesuffix("K"))


def longest_side(size: str, aspect: str) -> int:
    """No picture of this size and ratio is longer; never less than MIN_LONGEST."""
    across, down = sorted(int(each) for each in aspect.split(":"))
    return max(MIN_LONGEST, math.ceil(SLACK * nominal_side(size) * math.sqrt(down / across)))
