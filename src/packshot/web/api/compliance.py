"""How a product's pictures comply with a marketplace's rules, over HTTP."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from packshot.errors import FetchError, NotFound, PictureError
from packshot.marketplaces.presets import Preset
from packshot.products.answers.products import ImageOut
from packshot.products.export.numbers import find_main
from packshot.web.api import examples
from packshot.web.api.answer_models import (
    ComplianceAnswer,
    ComplianceData,
    ComplianceOut,
    ComplianceRowOut,
)
from packshot.web.api.marketplace_pictures import named_preset, render_for
from packshot.web.api.schemas import ComplianceQuery
from packshot.web.requests.context import services
from packshot.web.requests.endpoints import answer, blueprint, conditional, needs, reads_query

bp: APIBlueprint = blueprint("compliance", "Compliance")


@bp.get("/api/products/<int:product_id>/compliance")
@reads_query(bp, ComplianceQuery)
@bp.output(ComplianceAnswer, example=examples.COMPLIANCE)
@bp.doc(operation_id="checkCompliance")
@needs()
def check_compliance(product_id: int, query: ComplianceQuery) -> Response:
    """Check a product's pictures against a marketplace's rules

    Measures each picture of the current round as an export for this marketplace would contain it,
    signed if a certificate is set. Each rule has a row with the measurement, or the reason why
    there is none. Rules for main pictures apply only to the picture that exports name first, or
    with `as_main` to every picture: before approval any of them may become the first.
    """
    parts = services()
    preset = named_preset(query.preset)
    product = parts.catalog.product(product_id)
    raw_key = None
    if product.normalised is not None:
        raw_key = product.normalised.media_url.removeprefix("/media/")
    first, as_main = find_main(parts.database, product_id), query.as_main == "true"
    pictures = [
        ComplianceOut(
            image_id=image.id,
            main=image.id == first,
            rows=_rows(preset, image, raw_key, as_main or image.id == first),
        )
        for image in product.images
        if image.media_url is not None
    ]
    data = ComplianceData(
        preset=query.preset, title=preset.title, checked=preset.checked, pictures=pictures
    )
    message = f"Checked against {preset.title}"
    return conditional(answer(ComplianceAnswer(message=message, data=data)))


def _rows(
    preset: Preset, image: ImageOut, raw_key: str | None, main: bool
) -> list[ComplianceRowOut]:
    parts = services()
    try:
        data = parts.storage.get((image.media_url or "").removeprefix("/media/"))
        rows = render_for(preset, parts, image, data, raw_key, main).rows
    except (FetchError, NotFound, PictureError) as error:
        return [_unreadable(error)]
    return [ComplianceRowOut.model_validate(row) for row in rows]


def _unreadable(error: FetchError | NotFound | PictureError) -> ComplianceRowOut:
    return ComplianceRowOut(
        rule="readable",
        required="a picture",
        measured=error.message,
        verdict="fail",
        advice="Redo the product: the stored picture can't be read.",
        source="Packshot",
        confidence="high",
    )
