"""The options of one picture, for a pixel process. Imports neither NumPy nor OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Method = Literal["network", "classical", "rembg", "off"]


@dataclass(frozen=True)
class PictureOptions:
    """How to cut out, what shape the picture should have, and what a reviewer asked for."""

    method: Method = "classical"
    model: Path = Path()  # the network's file, for `network`
    ratio: float | None = None  # width over height of the finished picture; None: the photo's
    adjustments: tuple[str, ...] = ()  # of contract.ADJUSTMENTS

    def has_adjustment(self, adjustment: str) -> bool:
        """Whether the reviewer asked for this adjustment."""
        return adjustment in self.adjustments

    def direction(self, more: str, less: str) -> int:
        """How many steps of two opposite adjustments were asked for; negative for the second."""
        return self.adjustments.count(more) - self.adjustments.count(less)
