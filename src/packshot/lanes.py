"""How a paid service is called: at once, at half price when it has room, or in batch jobs."""

from __future__ import annotations

from typing import Final, Literal, get_args

Lane = Literal["standard", "flex", "batch"]
LANES: Final[tuple[Lane, ...]] = get_args(Lane)
