"""The specification followed literally: what a developer writes in an afternoon (`bench.script`).

    gunicorn -w 4 "bench.handwritten:create_app()"

Flask with a worker thread in each process; SQS, S3, PostgreSQL, Pillow and Google's SDK, as the
document lists them. One product at a time in each thread: the raw photo is fetched, analysed,
enhanced ENHANCED_IMAGES_COUNT times, each picture saved as a JPEG of at most 2048 px, uploaded and
recorded. The message is deleted at the end, so that a killed process's product comes back after
the visibility timeout. It checks no address, no picture and no answer, makes no previews, keeps no
paid answer and counts no cost.
"""

from __future__ import annotations

import io
import json
import logging
import os
import threading
import time
import uuid
from typing import Any

import boto3
from flask import Flask, jsonify, request
from google import genai
from google.genai import types
from PIL import Image, ImageOps
from sqlalchemy import ForeignKey, Numeric, String, create_engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

log = logging.getLogger("handwritten")
MODEL, IMAGE_MODEL = "gemini-3.8-flash", "gemini-nano-banana-2.1"
MAX_SIDE = 2048
ASK = (
    "Look at this photo of a product of the category {category}. Plan {count} enhanced pictures "
    "of it for a shop. Give each a title and a prompt for an image model."
)


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "products"
    id: Mapped[int] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(String(200))
    raw_image: Mapped[str] = mapped_column(String(2000))
    mrp: Mapped[float] = mapped_column(Numeric(12, 2))
    price: Mapped[float] = mapped_column(Numeric(12, 2))
    status: Mapped[str] = mapped_column(String(20), default="pending")


class ProductImage(Base):
    __tablename__ = "product_images"
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    image_url: Mapped[str] = mapped_column(String(2000))
    status: Mapped[str] = mapped_column(String(20), default="pending")


class Shop:
    """The clients, one of each in a process."""

    def __init__(self) -> None:
        self.engine = create_engine(os.environ["DATABASE_URL"])
        with self.engine.begin() as connection:  # of four processes one creates the tables
            connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
            Base.metadata.create_all(connection)
        self.sqs: Any = boto3.client("sqs", region_name="us-east-1")
        self.s3: Any = boto3.client("s3", region_name="us-east-1")
        self.queue = os.environ["SQS_QUEUE_URL"]
        self.bucket = os.environ["S3_BUCKET"]
        self.count = int(os.environ.get("ENHANCED_IMAGES_COUNT", "3"))
        self.gemini = genai.Client(
            api_key=os.environ["GEMINI_API_KEY"],
            http_options=types.HttpOptions(base_url=os.environ["GOOGLE_GEMINI_BASE_URL"]),
        )

    # --- one product ----------------------------------------------------------------------------

    def process(self, product_id: int) -> None:
        with Session(self.engine) as session:
            product = session.get(Product, product_id)
            if product is None or product.status != "pending":
                return
            photo = self.download(product.raw_image)
            for prompt in self.analyse(photo, product.category):
                picture = as_jpeg(self.enhance(photo, prompt))
                url = self.upload(product_id, picture)
                session.add(ProductImage(product_id=product_id, image_url=url))
            product.status = "pending_review"
            session.commit()

    def download(self, raw_image: str) -> bytes:
        bucket, key = raw_image.removeprefix("s3://").split("/", 1)
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def analyse(self, photo: bytes, category: str) -> list[str]:
        answer = self.gemini.models.generate_content(
            model=MODEL,
            contents=asked(photo, ASK.format(category=category, count=self.count)),
            config=types.GenerateContentConfig(
                response_mime_type="application/json", response_json_schema=self.schema()
            ),
        )
        return [each["prompt"] for each in json.loads(answer.text or "")["variants"]]

    def schema(self) -> dict[str, Any]:
        text = {"type": "string"}
        variant = {
            "type": "object",
            "properties": {"title": text, "prompt": text},
            "required": ["title", "prompt"],
        }
        variants = {
            "type": "array",
            "items": variant,
            "minItems": self.count,
            "maxItems": self.count,
        }
        return {
            "type": "object",
            "properties": {"variants": variants},
            "required": ["variants"],
        }

    def enhance(self, photo: bytes, prompt: str) -> bytes:
        answer = self.gemini.models.generate_content(
            model=IMAGE_MODEL,
            contents=asked(photo, prompt),
            config=types.GenerateContentConfig(response_modalities=["IMAGE"]),
        )
        for part in answer.parts or []:
            if part.inline_data and part.inline_data.data:
                return part.inline_data.data
        raise ValueError("Gemini answered without a picture")

    def upload(self, product_id: int, picture: bytes) -> str:
        key = f"enhanced/{product_id}/{uuid.uuid4()}.jpg"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=picture, ContentType="image/jpeg")
        return f"https://{self.bucket}.s3.amazonaws.com/{key}"

    # --- the worker thread ----------------------------------------------------------------------

    def work(self) -> None:
        log.info("Worker thread started")
        while True:
            try:
                answer = self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=20)
                for message in answer.get("Messages", []):
                    self.handle(message)
            except Exception:
                log.exception("the worker goes on after an error")
                time.sleep(5)

    def handle(self, message: dict[str, str]) -> None:
        product_id = json.loads(message["Body"])["product_id"]
        log.info("Received message for product_id: %s", product_id)
        self.process(product_id)
        self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        log.info("Successfully processed product %s", product_id)

    # --- the bulk request -----------------------------------------------------------------------

    def create(self, rows: list[dict[str, Any]]) -> list[int]:
        with Session(self.engine) as session:
            products = [
                Product(**{name: row[name] for name in ("category", "raw_image", "mrp", "price")})
                for row in rows
            ]
            session.add_all(products)
            session.commit()
            ids = [product.id for product in products]
        for product_id in ids:
            self.sqs.send_message(
                QueueUrl=self.queue, MessageBody=json.dumps({"product_id": product_id})
            )
        return ids


def as_jpeg(data: bytes) -> bytes:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def asked(photo: bytes, words: str) -> list[Any]:
    mime_type = "image/png" if photo.startswith(b"\x89PNG") else "image/jpeg"
    return [types.Part.from_bytes(data=photo, mime_type=mime_type), words]


def create_app() -> Flask:
    logging.basicConfig(level=logging.INFO)
    shop, app = Shop(), Flask(__name__)
    threading.Thread(target=shop.work, daemon=True).start()

    @app.get("/healthz")
    def health() -> Any:
        return jsonify(ok=True)

    @app.post("/api/products/bulk")
    def bulk() -> Any:
        ids = shop.create(request.get_json()["products"])
        products = [{"id": each, "status": "pending"} for each in ids]
        data = {"created": len(ids), "total": len(ids), "products": products}
        return jsonify(success=True, data=data), 201

    return app
