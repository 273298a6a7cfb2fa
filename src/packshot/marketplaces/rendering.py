"""The picture for a marketplace: made by the finishing step, then measured as it will be sent."""

from __future__ import annotations

from packshot.marketplaces.measures import Measures, measure
from packshot.pictures.imaging import OutputSpec, finish


def render(data: bytes, spec: OutputSpec, source_type: str | None) -> tuple[bytes, Measures]:
    """The same bytes for the same input. `source_type`: an IPTC DigitalSourceType to write.

    Raises PictureError. For a child process: it holds pixels.
    """
    made = finish(data, spec, source_type).data
    return made, measure(made, ".jpg")
