"""Objects in a shop's storage, and products that have them."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from packshot.database.models import Product, ProductImage
from packshot.products.object_keys import normalised_key, with_previews
from support.shop import Shop


def objects(shop: Shop) -> set[str]:
    return set(shop.services.storage.list(""))


def store(shop: Shop, key: str) -> list[str]:
    """An object with its previews."""
    for each in with_previews(key):
        shop.services.storage.put(each, b"\xff\xd8\xff" + each.encode(), "image/jpeg")
    return with_previews(key)


def upload(shop: Shop) -> str:
    key = f"uploads/{uuid.uuid4()}"
    store(shop, key)
    return f"/media/{key}"


def product_of(shop: Shop, product_id: int) -> Product:
    with shop.services.database.read() as session:
        return session.get_one(Product, product_id)


def with_photo(shop: Shop, raw_image: str | None = None) -> tuple[int, list[int], str]:
    """A product to review with its upload and normalised copy: its id, pictures, normalised key."""
    raw_image = raw_image or upload(shop)
    product_id, images = shop.reviewable(variants=2, raw_image=raw_image)
    key = normalised_key(product_of(shop, product_id).media_namespace or "", product_id)
    store(shop, key)
    with shop.services.database.read() as session:
        keys = session.scalars(
            select(ProductImage.object_key).where(ProductImage.product_id == product_id)
        ).all()
    for each in keys:
        assert each is not None
        store(shop, each)
    return product_id, images, key
