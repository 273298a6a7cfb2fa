"""The jobs of pixel children, which alone import the heavy libraries."""

from __future__ import annotations

import pickle

from packshot.fidelity.files import Files
from packshot.fidelity.verdicts import Checked


def measure_raw(data: bytes, files: Files) -> bytes:
    """What is measured once for a photo, for `check_picture`.

    Raises NoNetwork, PictureError when it can't be decoded.
    """
    from packshot.fidelity.checking import read_raw

    return pickle.dumps(read_raw(data, files), protocol=pickle.HIGHEST_PROTOCOL)


def check_picture(raw: bytes, data: bytes, files: Files) -> Checked:
    """Check one enhanced picture against its photo's `measure_raw`. Raises as that does."""
    from packshot.fidelity.checking import check

    return check(pickle.loads(raw), data, files)  # noqa: S301 - made by measure_raw


def check_pair(raw: bytes, enhanced: bytes, files: Files) -> Checked:
    """Check any two pictures."""
    return check_picture(measure_raw(raw, files), enhanced, files)
