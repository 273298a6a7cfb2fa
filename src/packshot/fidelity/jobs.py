"""The jobs of pixel children, which alone import the heavy libraries."""

from __future__ import annotations

import pickle
from collections.abc import Collection
from pathlib import Path

from packshot.fidelity.files import Files
from packshot.fidelity.locks import Locked
from packshot.fidelity.verdicts import Checked, Verdict
from packshot.pictures.imaging import OutputSpec
from packshot.pictures.provenance import Provenance


def measure_raw(data: bytes, files: Files) -> bytes:
    """What is measured once for a photo, for `check_picture`.

    Raises NoNetwork, PictureError when it can't be decoded.
    """
    from packshot.fidelity.checking import read_raw

    return pickle.dumps(read_raw(data, files), protocol=pickle.HIGHEST_PROTOCOL)


def check_picture(
    raw: bytes, data: bytes, files: Files, asked: Collection[Verdict] = ()
) -> Checked:
    """Check one enhanced picture against its photo's `measure_raw`. Raises as that does."""
    from packshot.fidelity.checking import check

    return check(pickle.loads(raw), data, files, asked)  # noqa: S301 - made by measure_raw


def lock_pixels(
    photo: bytes, picture: bytes, spec: OutputSpec, provenance: Provenance | None, network: Path
) -> Locked:
    """Put the photo's own pixels over the picture's product, and finish the picture by the spec.

    Raises PictureError where one of the two can't be decoded.
    """
    from packshot.fidelity.locking import lock

    return lock(photo, picture, spec, provenance, network)
