"""The local enhancer's work inside a pixel child: bytes in, a plan or a picture out.

NumPy and OpenCV are imported there, at the first job: the serving process has no use for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packshot.enhancers.contract import Analysis
from packshot.pictures.imaging import encode_array

if TYPE_CHECKING:
    from packshot.enhancers.local.findings import Findings, Method

UNKNOWN = "not analysed: made without a model"


def analyse(data: bytes, wanted: int, method: Method) -> Analysis:
    """Measure the photo and plan its variants. Raises PictureError when it can't be decoded."""
    from packshot.enhancers.local import findings, recipes

    found = findings.look(data, method)
    return Analysis(
        product=UNKNOWN,
        shape=UNKNOWN,
        colours=[],
        material=UNKNOWN,
        parts=[],
        label_text=[],
        logo="",
        faults=list(found.tone.faults),
        variants=recipes.plan(found, wanted),
    )


def make(data: bytes, title: str, method: Method) -> tuple[bytes, str | None]:
    """One variant as JPEG bytes (quality 95), and what the reviewer should know about it."""
    from packshot.enhancers.local import findings, recipes

    found = findings.look(data, method)
    picture = recipes.make(found, title)
    return encode_array(picture), _warning(found)


def _warning(found: Findings) -> str | None:
    if found.ground == "scene":
        return f"The product was not cut out: {found.why}."
    if found.ground == "whiten":  # what is as light as the backdrop fades with it
        return f"Are light parts of the product still there? Compare: {found.why}."
    return None
