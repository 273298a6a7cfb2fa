"""The jobs of pixel children, which alone import the heavy libraries."""

from __future__ import annotations

import pickle
from collections.abc import Collection

from packshot.fidelity.files import Files
from packshot.fidelity.verdicts import Checked, Verdict


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
