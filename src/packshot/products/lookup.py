"""A product or a picture by its id, locked for a change of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from packshot.database.models import Product, ProductImage
from packshot.errors import Conflict, NotAllowed, NotFound
from packshot.products.answers.products import read_product


@dataclass(frozen=True)
class Editor:
    """Who changes a product; `only_own`: a key that only submits changes only what it submitted."""

    name: str
    only_own: bool = False


def get_product(session: Session, product_id: int) -> Product:
    product = session.get(Product, product_id)
    if product is None:
        raise NotFound(f"there is no product {product_id}")
    return product


def lock_product(session: Session, product_id: int, if_version: int | None) -> Product:
    product = session.get(Product, product_id, with_for_update=True, populate_existing=True)
    if product is None:
        raise NotFound(f"there is no product {product_id}")
    if if_version is not None and product.version != if_version:
        raise Conflict(
            f"product {product_id} was changed in the meantime",
            code="stale",
            state=read_product(session, product),
        )
    return product


def lock_image(
    session: Session, image_id: int, if_version: int | None
) -> tuple[Product, ProductImage]:
    """A picture with its product. The product is locked before the picture is read, so that no
    decision, take or removal can change the picture afterwards. Raises NotFound, Conflict."""
    product_id = session.scalar(select(ProductImage.product_id).filter_by(id=image_id))
    product = lock_product(session, product_id, if_version) if product_id else None
    image = session.get(ProductImage, image_id) if product else None
    if product is None or image is None:
        raise NotFound(f"there is no picture {image_id}")
    return product, image


def current_images(session: Session, product: Product) -> Sequence[ProductImage]:
    """The pictures of the product's current round, in their order."""
    return session.scalars(
        select(ProductImage)
        .where(ProductImage.product_id == product.id, ProductImage.round == product.round)
        .order_by(ProductImage.variant)
    ).all()


def check_may_change(product: Product, by: Editor) -> None:
    """Raises NotAllowed if another key submitted the product, and that matters."""
    if by.only_own and product.submitted_by != by.name:
        raise NotAllowed(
            f"product {product.id} was submitted with another key: only one with the scope review"
            " may change it"
        )
