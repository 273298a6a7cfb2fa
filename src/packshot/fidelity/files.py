"""The files that a check reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Files:
    """The cut-out network, and the weights where they are not Packshot's own."""

    network: Path
    weights: Path | None = None
