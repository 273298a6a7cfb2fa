"""The jobs of the local enhancer that pixel processes run: bytes in, a plan or a picture out.

NumPy and OpenCV are imported when a job starts, so that the serving process never loads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packshot.enhancers.contract import NOT_ANALYSED, Analysis
from packshot.pictures.imaging import encode_array

if TYPE_CHECKING:
    from packshot.enhancers.local.options import PictureOptions


def analyse(data: bytes, wanted: int, options: PictureOptions) -> Analysis:
    """Measure the photo and plan its variants. Raises PictureError when it can't be decoded."""
    from packshot.enhancers.local import findings, recipes

    found = findings.measure(data, options)
    return Analysis(
        product=NOT_ANALYSED,
        shape=NOT_ANALYSED,
        colours=[],
        material=NOT_ANALYSED,
        parts=[],
        label_text=[],
        logo="",
        faults=list(found.tone.faults),
        variants=recipes.plan(found, wanted),
    )


def make(data: bytes, title: str, options: PictureOptions) -> tuple[bytes, str | None]:
    """One variant as JPEG bytes (quality 95), and a note for the reviewer."""
    from packshot.enhancers.local import findings, recipes

    found = findings.measure(data, options)
    made = recipes.make(found, title)
    return encode_array(made.picture), recipes.warning(found, title, made)
