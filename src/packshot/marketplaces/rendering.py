"""The picture for a marketplace: made by the finishing step, then measured as it will be sent."""

from __future__ import annotations

from typing import Final

from packshot.marketplaces.measures import Measures, measure
from packshot.pictures.imaging import Format, OutputSpec, finish
from packshot.pictures.provenance import Provenance

#: What a file of each format ends with.
ENDINGS: Final[dict[Format, str]] = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "avif": ".avif",
}


def render(
    data: bytes, spec: OutputSpec, provenance: Provenance | None, raw: bytes | None = None
) -> tuple[bytes, Measures]:
    """The same bytes for the same input. `provenance` is written into it. `raw` is the raw photo,
    for measuring enlargement.

    Raises PictureError. For a child process: it holds pixels.
    """
    made = finish(data, spec, provenance).data
    return made, measure(made, ENDINGS[spec.format], raw)
