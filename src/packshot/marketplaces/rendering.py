"""Makes the picture for a marketplace by the finishing step, and measures the file to be sent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from packshot.errors import PictureError
from packshot.marketplaces.measures import PictureMeasures, measure
from packshot.pictures.imaging import OutputSpec, PictureFormat, finish
from packshot.pictures.provenance import Provenance
from packshot.pictures.signing import History, Ingredient, Signing, sign

#: The file extension of each format.
ENDINGS: Final[dict[PictureFormat, str]] = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "avif": ".avif",
}


@dataclass(frozen=True)
class Source:
    """An approved picture with its origin. `raw` is the raw photo, for measuring enlargement and as
    an ingredient of the signature; `signing` is the certificate to sign with."""

    data: bytes = field(repr=False)
    provenance: Provenance | None = None
    raw: bytes | None = field(default=None, repr=False)
    signing: Signing | None = None


def render(source: Source, spec: OutputSpec) -> tuple[bytes, PictureMeasures]:
    """Make the file and measure it. Without a signature the same input gives the same bytes.

    Runs in a pixel process, because it decodes pictures. Raises PictureError.
    """
    made = finish(source.data, spec, source.provenance).data
    if source.signing is not None and source.provenance is not None:
        made = _sign(made, source, spec, source.provenance, source.signing)
    return made, measure(made, ENDINGS[spec.format], source.raw)


def _sign(
    made: bytes, source: Source, spec: OutputSpec, provenance: Provenance, signing: Signing
) -> bytes:
    """Sign the file; if that exceeds `max_bytes`, make the picture smaller first. Returns the file
    unsigned if it can't be signed."""
    raw = source.raw and Ingredient("The seller's photo", source.raw, "inputTo")
    history = History(
        provenance,
        parent=Ingredient("The approved picture", source.data, "parentOf"),
        raw=raw or None,
        model=provenance.model,
    )
    try:
        signed = sign(made, history, signing)
        if spec.max_bytes is not None and len(signed) > spec.max_bytes:
            smaller = replace(spec, max_bytes=spec.max_bytes - (len(signed) - len(made)))
            signed = sign(finish(source.data, smaller, provenance).data, history, signing)
    except PictureError as error:
        if error.code != "not_signed":
            raise
        return made
    return signed
