"""The picture for a marketplace: made by the finishing step, then measured as it will be sent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from packshot.errors import PictureError
from packshot.marketplaces.measures import Measures, measure
from packshot.pictures.imaging import Format, OutputSpec, finish
from packshot.pictures.provenance import Provenance
from packshot.pictures.signing import History, Ingredient, Signing, sign

#: The ending of files in each format.
ENDINGS: Final[dict[Format, str]] = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "avif": ".avif",
}


@dataclass(frozen=True)
class Source:
    """An approved picture and where it came from. `raw` is the raw photo, for measuring
    enlargement and as an ingredient of a signature; `signing` signs what is made of it."""

    data: bytes = field(repr=False)
    provenance: Provenance | None = None
    raw: bytes | None = field(default=None, repr=False)
    signing: Signing | None = None


def render(source: Source, spec: OutputSpec) -> tuple[bytes, Measures]:
    """The same bytes for the same input, unless it is signed: a signature is never the same.

    Raises PictureError. For a child process: it holds pixels.
    """
    made = finish(source.data, spec, source.provenance).data
    if source.signing is not None and source.provenance is not None:
        made = _sign(made, source, spec, source.provenance, source.signing)
    return made, measure(made, ENDINGS[spec.format], source.raw)


def _sign(
    made: bytes, source: Source, spec: OutputSpec, provenance: Provenance, signing: Signing
) -> bytes:
    """Signed, and made smaller again where the signature takes it over `max_bytes`; as it is where
    it can't be signed."""
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
