"""What a caller sees of a product, and under which addresses."""

from __future__ import annotations

from typing import TypeVar

from flask import request

from packshot.download.addresses import redact
from packshot.products.answers.products import FullProduct, ImageOut, NormalisedOut, ProductOut
from packshot.web.requests.context import caller
from packshot.web.requests.prefix import under_prefix

AnyPicture = TypeVar("AnyPicture", ImageOut, NormalisedOut)


def present(product: FullProduct) -> ProductOut:
    """A product as the caller may see it.

    The query of `raw_image` may be a signature that opens the seller's bucket: only the key that
    submitted it sees it, and an admin does not need it. Without API_KEYS there is only one user.
    """
    if caller().via != "local" and caller().name != product.submitted_by:
        product = product.model_copy(update={"raw_image": redact(product.raw_image)})
    return _with_prefix(ProductOut.model_validate(dict(product)))


def _with_prefix(product: ProductOut) -> ProductOut:
    """The product with the addresses of our own pictures as the client must request them."""
    if not request.script_root:
        return product
    changed: dict[str, object] = {
        "raw_image": under_prefix(product.raw_image),
        "images": [_picture_with_prefix(image) for image in product.images],
    }
    if product.normalised is not None:
        changed["normalised"] = _picture_with_prefix(product.normalised)
    return product.model_copy(update=changed)


def _picture_with_prefix(picture: AnyPicture) -> AnyPicture:
    given: dict[str, object] = {
        "previews": {side: under_prefix(url) for side, url in picture.previews.items()}
    }
    for name in ("image_url", "media_url"):
        if url := getattr(picture, name, None):
            given[name] = under_prefix(url)
    fidelity = getattr(picture, "fidelity", None)
    if fidelity is not None and fidelity.change_map is not None:
        changed = {"change_map": under_prefix(fidelity.change_map)}
        given["fidelity"] = fidelity.model_copy(update=changed)
    lock = getattr(picture, "pixel_lock", None)
    if lock is not None and lock.mask is not None:
        places = {"mask": under_prefix(lock.mask), "made": under_prefix(lock.made)}
        given["pixel_lock"] = lock.model_copy(update=places)
    return picture.model_copy(update=given)
