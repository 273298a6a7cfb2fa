"""The picture for a marketplace: made by the finishing step, then measured as it will be sent."""

from __future__ import annotations

from packshot.marketplaces.measures import Measures, measure
from packshot.pictures.imaging import OutputSpec, finish
from packshot.pictures.provenance import Provenance


def render(data: bytes, spec: OutputSpec, provenance: Provenance | None) -> tuple[bytes, Measures]:
    """The same bytes for the same input. `provenance` is written into it.

    Raises PictureError. For a child process: it holds pixels.
    """
    made = finish(data, spec, provenance).data
    return made, measure(made, ".jpg")
