"""The path of the cut-out network's file, and whether it exists. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

NAME = "u2netp.onnx"
SIZE = 4_574_861  # bytes
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"


def default_folder() -> Path:
    """The user's cache folder, by the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "packshot"


def model_path(folder: Path | None) -> Path:
    """The network's file in MODEL_DIR, or in the default folder; it need not exist."""
    path = (folder or default_folder()) / NAME
    try:
        return path.expanduser()
    except RuntimeError:  # a process without a home has no cache either
        return path


def is_present(path: Path) -> bool:
    """Whether a file of the right size exists: a cheap check, for every product."""
    try:
        return path.stat().st_size == SIZE
    except OSError:
        return False


def is_genuine(data: bytes) -> bool:
    """Whether these bytes are the network that the confidence was fitted on."""
    return hashlib.sha256(data).hexdigest() == SHA256


def read_genuine(path: Path) -> bytes | None:
    """The network's bytes; None when the file is missing or not the one expected."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if is_genuine(data) else None


def missing_note(path: Path) -> str:
    """One sentence about a missing file: what it means and what to do."""
    return (
        f"The cut-out network is not in {path.parent}: products are cut out the classical way, "
        "which leaves more backgrounds unchanged. Run `packshot cutout-model` once to fetch it."
    )
