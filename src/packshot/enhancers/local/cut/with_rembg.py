"""CUTOUT=rembg: finds the product with a network that the user installed, run by rembg."""

from __future__ import annotations

import importlib
import importlib.util
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packshot.errors import NotConfigured
from packshot.pictures.arrays import Bytes, Floats, shrink

# Best first. rembg would download missing weights by itself; a worker must not fetch 170 MB in
# the middle of a product, so only what lies in the folder already is used.
MODELS = ("birefnet-general-lite", "isnet-general-use", "u2net", "silueta", "u2netp")
INPUT_SIDE = 1024  # px; no listed network uses more


def problem() -> str | None:
    """What is missing for CUTOUT=rembg to work, in one sentence; None when nothing is. Cheap."""
    if importlib.util.find_spec("rembg") is None:
        return "CUTOUT=rembg needs the extra: pip install 'packshot[rembg]', or unset CUTOUT."
    if weights() is None:
        return (
            f"CUTOUT=rembg found no weights in {_home()}: put one of "
            f"{', '.join(name + '.onnx' for name in MODELS)} there "
            "(U2NET_HOME names the folder), or unset CUTOUT."
        )
    return None


def weights() -> str | None:
    """The best model whose weights are present, by rembg's name for it."""
    for name in MODELS:
        places = (_home() / "models" / name / f"{name}.onnx", _home() / f"{name}.onnx")
        if any(place.is_file() for place in places):
            return name
    return None


def likelihood(rgb: Bytes, model: str | None = None) -> Floats:
    """How much each pixel belongs to the product, 0..1, HxW of the picture shrunk to 1024 px.

    Raises NotConfigured when rembg or its weights are missing or broken.
    """
    missing = problem() if model is None else None
    if missing is not None:
        raise NotConfigured(missing)
    small = shrink(rgb, INPUT_SIDE)
    session, image = _session(model or weights() or ""), importlib.import_module("PIL.Image")
    answer = session.predict(image.fromarray(small))[0].convert("L")
    found: NDArray[Any] = np.nan_to_num(np.asarray(answer, np.float32)) / 255
    return found


@lru_cache(maxsize=1)
def _session(model: str) -> Any:
    try:
        return importlib.import_module("rembg").new_session(model)
    except Exception as error:  # onnxruntime, pooch or an import: in every case the setup is wrong
        raise NotConfigured(
            f"CUTOUT=rembg could not load {model} from {_home()}: {type(error).__name__}; "
            "put the weights there again, or unset CUTOUT."
        ) from error


def _home() -> Path:
    """Where rembg looks first (its BaseSession.rembg_home)."""
    return Path(os.environ.get("U2NET_HOME") or "~/.u2net").expanduser()
