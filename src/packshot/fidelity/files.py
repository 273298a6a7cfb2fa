"""The files that a check reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FidelityFiles:
    """The cut-out network's file, and the weights file; None: the weights in the package."""

    network: Path
    weights: Path | None = None
