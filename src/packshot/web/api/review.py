"""Reviewing over HTTP: decide on pictures and products, redo, count."""

from __future__ import annotations

from functools import partial

from apiflask import APIBlueprint
from flask import Response

from packshot.database.models import FAILED
from packshot.products.answers.alt_text import write_alt_text
from packshot.products.takes import choose
from packshot.web.api import examples
from packshot.web.api.answer_models import (
    ProductAnswer,
    StatsAnswer,
    StatsData,
)
from packshot.web.api.products import product_answer
from packshot.web.api.schemas import (
    CancelIn,
    EnhanceIn,
    ImageChangeIn,
    ReviewIn,
)
from packshot.web.requests.context import caller, services
from packshot.web.requests.endpoints import (
    answer,
    blueprint,
    conditional,
    needs,
    refuses,
    wanted_version,
)
from packshot.web.requests.limits import charge_products

bp: APIBlueprint = blueprint("review", "Review")
ONE_PRODUCT = "/api/products/<int:product_id>"
ONE_IMAGE = "/api/product-images/<int:image_id>"


@bp.patch(ONE_IMAGE)
@bp.input(ImageChangeIn, arg_name="change", example=examples.DECIDE)
@bp.output(ProductAnswer, example=examples.DECIDED)
@bp.doc(operation_id="decideImage")
@needs("review")
@refuses("not_reviewable", "round_closed", "removed", "being_made_again", "stale")
def decide_image(image_id: int, change: ImageChangeIn) -> Response:
    """Decide on one picture, undo a decision with `pending`, set its alternative text or its take

    Returns the product. Each text and each choice of a take is recorded in the product's history. A
    text of null removes the old one. A take can be chosen only while its picture is undecided.
    `If-Match` is optional: 412 with the current state when it is stale.
    """
    catalog, who, version = services().catalog, caller().name, wanted_version()
    if change.take is not None:
        chosen = partial(choose, who, change.take)
        product = catalog.change_image(image_id, chosen, if_version=version)
        return product_answer(product, f"Take {change.take} of picture {image_id} is used")
    if change.status is None:
        described = partial(write_alt_text, who, change.alt_text)
        product = catalog.change_image(image_id, described, if_version=version)
        return product_answer(product, f"Picture {image_id} is described")
    product = catalog.decide(
        image_id,
        change.status,
        who=who,
        reason=change.reason,
        note=change.note,
        if_version=version,
    )
    return product_answer(product, f"Picture {image_id} is {change.status}")


@bp.post(f"{ONE_PRODUCT}/review")
@bp.input(ReviewIn, arg_name="decision", example=examples.REVIEW)
@bp.output(ProductAnswer, example=examples.REVIEWED)
@bp.doc(operation_id="reviewProduct")
@needs("review")
@refuses("not_reviewable", "not_in_round", "removed", "stale")
def review_product(product_id: int, decision: ReviewIn) -> Response:
    """Decide on a whole product

    Approving approves the named pictures (all, if none are named) and rejects the rest.
    """
    product = services().catalog.review(
        product_id,
        decision.status,
        who=caller().name,
        image_ids=decision.image_ids,
        reason=decision.reason,
        note=decision.note,
        if_version=wanted_version(),
    )
    return product_answer(product, f"Product {product_id} is {product.status}")


@bp.post(f"{ONE_PRODUCT}/enhance")
@bp.input(EnhanceIn, arg_name="wish", example=examples.ENHANCE)
@bp.output(ProductAnswer, example=examples.QUEUED)
@bp.doc(operation_id="enhanceProduct")
@needs("submit", "review")
@refuses("conflict", "sent_again", "stale")
def enhance_product(product_id: int, wish: EnhanceIn) -> Response:
    """Redo a product

    A failed product without instructions and adjustments resumes the same round, unless a later
    product has its photo. Otherwise the next round opens, which counts as one of the key's products
    per day. A key with only the scope `submit` redoes products it created itself, while nobody has
    decided on them.
    """
    catalog = services().catalog
    wished = bool(wish.instructions or wish.adjustments)
    resumed = catalog.product(product_id).status == FAILED and not wished
    with charge_products(0 if resumed else 1):  # a new round costs again
        product = catalog.enhance(
            product_id,
            by=caller().as_editor,
            instructions=wish.instructions,
            adjustments=wish.adjustments,
            if_version=wanted_version(),
        )
    return product_answer(product, f"Product {product_id} is queued for processing")


@bp.post(f"{ONE_PRODUCT}/cancel")
@bp.input(CancelIn, arg_name="nothing", examples={"nothing": {"value": {}}})
@bp.output(ProductAnswer, example=examples.CANCELLED)
@bp.doc(operation_id="cancelProduct")
@needs("submit", "review")
@refuses("conflict", "stale")
def cancel_product(product_id: int, nothing: CancelIn) -> Response:
    """Cancel a product that waits for its pictures

    It fails with the code `cancelled`; `enhance` resumes it. A call in flight is still paid for. A
    key with only the scope `submit` cancels products it created itself. `If-Match` is optional: 412
    with the current state when it is stale.
    """
    product = services().catalog.cancel(
        product_id,
        by=caller().as_editor,
        if_version=wanted_version(),
    )
    return product_answer(product, f"Product {product_id} is cancelled")


@bp.get("/api/stats")
@bp.output(StatsAnswer, example=examples.STATS)
@bp.doc(operation_id="getStats", responses=[304])
@needs()
def get_stats() -> Response:
    """Counts by status, the queue, pictures, and their cost

    While products wait, `oldest_seconds` grows, so the ETag changes too: 304 is for an empty queue.
    """
    data = StatsData.model_validate(services().catalog.stats())
    settings = services().settings
    said = {
        "simulated": settings.simulated,
        "currency": settings.currency,
        "problem": services().problem(),
    }
    data = data.model_copy(update=said)
    return conditional(answer(StatsAnswer(message="Counts", data=data)))
