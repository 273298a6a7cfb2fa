"""The jobs that pixel processes run. Imports NumPy and OpenCV only when a job starts."""

from __future__ import annotations

import pickle
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from packshot.fidelity.locks import LockResult
from packshot.fidelity.verdicts import CheckResult, FidelityVerdict
from packshot.pictures.imaging import OutputSpec
from packshot.pictures.provenance import Provenance


@dataclass(frozen=True)
class FidelityFiles:
    """The cut-out network's file, and the weights file; None: the weights in the package."""

    network: Path
    weights: Path | None = None


def measure_raw(data: bytes, files: FidelityFiles) -> bytes:
    """Measure the photo once for all its pictures; pass the result to `check_picture`.

    Raises NoNetwork, and PictureError when the photo can't be decoded.
    """
    from packshot.fidelity.comparing import read_raw
    from packshot.fidelity.sides import NoProduct

    try:
        side = read_raw(data, files.network)
    except NoProduct:
        side = None
    return pickle.dumps(side, protocol=pickle.HIGHEST_PROTOCOL)


def check_picture(
    raw: bytes, data: bytes, files: FidelityFiles, with_views: Collection[FidelityVerdict] = ()
) -> CheckResult:
    """Check one enhanced picture against the result of `measure_raw`. Raises the same errors.

    For the verdicts in `with_views` the result has pictures to show to a model.
    """
    from packshot.fidelity.checking import check

    return check(pickle.loads(raw), data, files, with_views)  # noqa: S301 - made by measure_raw


def lock_pixels(
    photo: bytes, picture: bytes, spec: OutputSpec, provenance: Provenance | None, network: Path
) -> LockResult:
    """Put the photo's own pixels over the picture's product, and finish the picture by the spec.

    Raises PictureError when one of the two can't be decoded.
    """
    from packshot.fidelity.locking import lock

    return lock(photo, picture, spec, provenance, network)
