"""A shop with products to review, served on loopback: for the desk's tests and its bench."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from flask import Flask
from sqlalchemy import insert
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from packshot.database.models import (
    PENDING_REVIEW,
    Product,
    ProductImage,
    Round,
)
from packshot.pictures import imaging
from packshot.products.object_keys import normalised_key, preview_key, variant_key
from packshot.settings import Settings
from packshot.web.app import create_app
from packshot.wiring import Services, connect
from packshot.work.worker import Worker
from support.fakes import FakeEnhancer
from support.shop import shared_pixels

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CATEGORIES = ("Footwear", "Kitchen", "Beauty")
#: As long as what Gemini is asked.
KEEP_THE_PRODUCT = "Keep the product exactly the same, and add no text, no badge, no people. " * 12


@cache
def picture(seed: int, side: int) -> imaging.Encoded:
    """A coloured box on a light ground, finished as the pipeline would, with a photo's previews."""
    chance = np.random.default_rng(seed)
    pixels = np.full((side, side, 3), chance.integers(215, 250, 3), np.uint8)
    low, high = side // 4, side - side // 4
    pixels[low:high, low:high] = chance.integers(20, 220, 3)
    made = imaging.finish(imaging.encode_array(pixels), imaging.OutputSpec())
    return replace(made, previews=imaging.make_previews(made.data))


@dataclass
class DeskShop:
    """The services behind a desk, and where it is served."""

    services: Services
    app: Flask
    url: str = ""

    def stock(
        self,
        count: int,
        *,
        pictures: int = 3,
        side: int = 240,
        kinds: int = 4,
        warning: str | None = None,
    ) -> list[int]:
        """Products to review, oldest first; their ids. `kinds` different sets of pictures."""
        with self.services.database.write() as session:
            namespaces = [str(uuid.uuid4()) for _ in range(count)]
            ids = session.scalars(
                insert(Product).returning(Product.id, sort_by_parameter_order=True),
                [_product(n, namespace) for n, namespace in enumerate(namespaces)],
            ).all()
            session.execute(insert(Round), [_round(number, pictures) for number in ids])
            rows = [
                _image(number, variant, namespace, warning, side)
                for number, namespace in zip(ids, namespaces, strict=True)
                for variant in range(pictures)
            ]
            session.execute(insert(ProductImage), rows)
        for n, (number, namespace) in enumerate(zip(ids, namespaces, strict=True)):
            kind = n % kinds * (pictures + 1)
            self.store(normalised_key(namespace, number), picture(kind, side))
            for variant in range(pictures):
                key = variant_key(namespace, number, 1, variant)
                self.store(key, picture(kind + variant + 1, side))
        return list(ids)

    def store(self, key: str, made: imaging.Encoded) -> None:
        folder = self.services.settings.media_dir
        for name, data in [
            *((preview_key(key, side), data) for side, data in made.previews.items()),
            (key, made.data),
        ]:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def statuses(self, ids: Sequence[int]) -> list[str]:
        return [self.services.catalog.product(number).status for number in ids]

    @contextmanager
    def working(self, enhancer: FakeEnhancer | None = None) -> Iterator[Worker]:
        """A worker that makes pictures out of what is uploaded."""
        services = self.services
        parts = replace(services.parts, enhancer=enhancer or FakeEnhancer())
        worker = Worker(parts, services.queue, 1)
        services.worker = worker
        worker.start()
        try:
            yield worker
        finally:
            worker.stop()
            services.worker = None


def _product(n: int, namespace: str) -> dict[str, object]:
    return {
        "category": CATEGORIES[n % len(CATEGORIES)],
        "raw_image": f"https://shop.example/{namespace}.jpg",
        "mrp": 1000 + n,
        "price": 900 + n,
        "discount": 100,
        "gst": 18,
        "status": PENDING_REVIEW,
        "round": 1,
        "version": 4,
        "media_namespace": namespace,
    }


def _round(product_id: int, wanted: int) -> dict[str, object]:
    analysis = {"product": "a box", "colours": ["red"]}
    return {
        "product_id": product_id,
        "number": 1,
        "wanted": wanted,
        "enhancer": "local",
        "analysis": analysis,
    }


def _image(
    product_id: int, variant: int, namespace: str, warning: str | None, side: int
) -> dict[str, object]:
    key = variant_key(namespace, product_id, 1, variant)
    return {
        "product_id": product_id,
        "round": 1,
        "variant": variant,
        "object_key": key,
        "image_url": f"/media/{key}",
        "title": ("white", "studio", "shadow")[variant % 3],
        "prompt": f"Make the box look its best, way {variant + 1}. {KEEP_THE_PRODUCT}",
        "enhancer": "local",
        "model": "classical-1",
        "width": side,
        "height": side,
        "warning": warning if variant == 0 else None,
    }


#: The pages' own files as an application answered them: their addresses change with their content.
_own_files: dict[str, Response] = {}


def _send_files_at_once(app: Flask) -> WSGIApplication:
    """Read the files of an answer at once: Werkzeug leaves a file open if the browser goes away
    while it is sent, and the warning about it would fail a test.

    The pages' own are read once: a page needs forty, and each test's browser asks for all of them.
    """

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith(("/static/", "/media/")):
            return app(environ, start)
        response = _own_files.get(path) or Response.from_app(app, environ, buffered=True)
        if path.startswith("/static/") and response.status_code == 200:
            _own_files[path] = response
        return response(environ, start)

    return answer


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass


@contextmanager
def desk_shop(
    database_url: str, media_dir: Path, api_keys: str | None = None, **more: Any
) -> Iterator[DeskShop]:
    """A shop served on a free port of 127.0.0.1. The database must be at head."""
    settings = Settings(
        database_url=database_url,
        media_dir=media_dir,
        enhancer="local",
        api_keys=api_keys or (),
        **more,
    )
    services = connect(settings, shared_pixels())
    app = create_app(services)
    server = make_server(
        "127.0.0.1", 0, _send_files_at_once(app), threaded=True, request_handler=_Quiet
    )
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield DeskShop(services, app, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        services.close()
