"""A shop to test against: the application on a fresh database and folder, and what to put in it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import insert, update
from werkzeug.test import TestResponse

from packshot.database.models import PENDING_REVIEW, Product, ProductImage, Round
from packshot.database.types import now
from packshot.pictures.child_processes import Pixels
from packshot.products.object_keys import variant_key
from packshot.settings import Settings
from packshot.web.app import create_app
from packshot.wiring import Services, connect, limit_pixel_work

Json = dict[str, Any]
RAW_IMAGE = "https://kivoa.s3.ap-south-1.amazonaws.com/raw/phone.jpg"
#: A secret per scope, and one without scopes: all of them.
API_KEYS = (
    "seller:seller-secret-1:submit,reviewer:reviewer-secret-2:review,"
    "boss:boss-secret-3:admin,everything:everything-secret-4"
)
SECRETS = {
    "submit": "seller-secret-1",
    "review": "reviewer-secret-2",
    "admin": "boss-secret-3",
    "all": "everything-secret-4",
}


class Clock:
    """Unix time that a test moves."""

    def __init__(self, moment: float = 1_800_000_000.0) -> None:
        self.moment = moment

    def __call__(self) -> float:
        return self.moment


def row(**changes: Any) -> Json:
    """The specification's own example, changed; None takes a field out."""
    given: Json = {
        "category": "Electronics",
        "raw_image": RAW_IMAGE,
        "mrp": 50000,
        "price": 45000,
        "discount": 5000,
        "gst": 18,
    }
    given.update(changes)
    return {name: value for name, value in given.items() if value is not None}


class SharedPixels(Pixels):
    """A real child, which outlives each shop: to start one costs more than what a shop has to do
    for it. It ends with this process."""

    def close(self) -> None:
        pass


@cache
def shared_pixels() -> SharedPixels:
    return SharedPixels(machine_limit=limit_pixel_work())


class Shop:
    """One application; `client` asks it as this machine does, without a key."""

    def __init__(self, database_url: str, media_dir: Path, **overrides: Any) -> None:
        self.clock = Clock()
        self.settings = Settings(database_url=database_url, media_dir=media_dir, **overrides)
        self.services: Services = connect(self.settings, shared_pixels())
        self.app: APIFlask = create_app(self.services, clock=self.clock)
        self.client: FlaskClient = self.app.test_client()

    def close(self) -> None:
        self.services.close()

    def ask(self, method: str, path: str, secret: str | None = None, **more: Any) -> TestResponse:
        """One request on a new client, so with no cookie; the answer is read to its end."""
        headers = dict(more.pop("headers", {}))
        if secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        client = self.app.test_client()
        return client.open(path, method=method, headers=headers, buffered=True, **more)

    def bulk(self, *rows: Json, query: str = "", **more: Any) -> TestResponse:
        return self.ask(
            "POST", f"/api/products/bulk{query}", json={"products": list(rows or [row()])}, **more
        )

    def create(self, *rows: Json) -> list[int]:
        """Products in the database, past the API and its keys."""
        from packshot.products.seller_fields import NewProduct

        new = [
            NewProduct(**{"discount": 0, "gst": 0} | given)  # type: ignore[arg-type]
            for given in rows or (row(),)
        ]
        return [product.id for product in self.services.catalog.create(new).products]

    def reviewable(self, variants: int = 3, **changes: Any) -> tuple[int, list[int]]:
        """A product that waits for a reviewer; its id, and the ids of its pictures."""
        [product_id] = self.create(row(**changes))
        namespace = str(uuid.uuid4())
        with self.services.database.write() as session:
            session.execute(
                update(Product)
                .where(Product.id == product_id)
                .values(
                    status=PENDING_REVIEW,
                    media_namespace=namespace,
                    version=Product.version + 1,
                    updated_at=now(),
                )
            )
            session.execute(
                update(Round).where(Round.product_id == product_id).values(ready_at=now())
            )
            images = [self._image(product_id, namespace, slot) for slot in range(variants)]
            ids = session.scalars(insert(ProductImage).returning(ProductImage.id), images).all()
        return product_id, sorted(ids)

    def _image(self, product_id: int, namespace: str, slot: int) -> Json:
        key = variant_key(namespace, product_id, 1, slot)
        data = b"\xff\xd8\xff" + key.encode()
        self.services.storage.put(key, data, "image/jpeg")
        return {
            "product_id": product_id,
            "image_url": self.services.storage.url(key),
            "round": 1,
            "variant": slot,
            "object_key": key,
            "sha256": hashlib.sha256(data).hexdigest(),
        }


ShopMaker = Callable[..., Shop]


def becomes(shop: Shop, product_ids: Iterable[int], status: str) -> None:
    with shop.services.database.write() as session:
        session.execute(
            update(Product)
            .where(Product.id.in_(list(product_ids)))
            .values(status=status, version=Product.version + 1)
        )
