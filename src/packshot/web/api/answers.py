"""Answers that several endpoints share."""

from __future__ import annotations

from flask import Response

from packshot.products.views import ProductView
from packshot.web.api.answer_models import (
    ProductAnswer,
    ProductData,
    present,
)
from packshot.web.requests.endpoints import answer


def product_answer(view: ProductView, message: str) -> Response:
    """A product, with its version as the ETag."""
    response = answer(ProductAnswer(message=message, data=ProductData(product=present(view))))
    response.set_etag(str(view.version))
    return response
