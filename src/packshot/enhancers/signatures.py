"""Signs pictures that a generative model made; the signature names what they were made from."""

from __future__ import annotations

import logging

from packshot.enhancers.contract import Photo, Picture
from packshot.errors import PictureError
from packshot.pictures.child_processes import Pixels
from packshot.pictures.provenance import Provenance
from packshot.pictures.signing import History, Ingredient, Signing, sign

log = logging.getLogger(__name__)


def sign_if_made_by_ai(
    finished: bytes,
    picture: Picture,
    provenance: Provenance,
    photo: Photo,
    pixels: Pixels,
    signing: Signing | None,
    locked: bool = False,
) -> bytes:
    """Sign the finished picture if a model made it and the operator has a certificate. `locked`:
    the photo's own pixels are put over its product.

    A picture that can't be signed is kept unsigned, because it is paid for; exports say so.
    """
    if signing is None or not picture.made_by_ai:
        return finished
    history = History(
        provenance,
        parent=Ingredient("The model's answer", picture.data, "parentOf"),
        raw=Ingredient("The seller's photo", photo.data, "inputTo"),
        model=picture.model,
        placed=Ingredient("The seller's photo", photo.data, "componentOf") if locked else None,
    )
    try:
        return pixels.run(sign, finished, history, signing)
    except PictureError as error:
        log.error("a picture is not signed: %s", error.message)
        return finished
