"""Answers that several endpoints share."""

from __future__ import annotations

from flask import Response

from packshot.products.answers import FullProduct
from packshot.web.api.answer_models import (
    ProductAnswer,
    ProductData,
)
from packshot.web.requests.endpoints import answer
from packshot.web.requests.visibility import present


def product_answer(product: FullProduct, message: str) -> Response:
    """A product, with its version as the ETag."""
    response = answer(ProductAnswer(message=message, data=ProductData(product=present(product))))
    response.set_etag(str(product.version))
    return response
