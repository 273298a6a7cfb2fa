"""Products over HTTP: create, list, read, correct, delete."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import groupby

from apiflask import APIBlueprint
from flask import Response, request

from packshot.errors import FetchError
from packshot.products.answers.products import FullProduct
from packshot.products.corrections.product import note_on_sku
from packshot.products.corrections.sku import SkuFacts, preview_corrections
from packshot.products.corrections.sku import correct_skus as correct_skus_in
from packshot.products.intake.batch import Created
from packshot.products.intake.duplicates import (
    find_differences,
    find_elsewhere,
    find_repeated,
    find_taken_views,
    look_for_duplicates,
)
from packshot.products.intake.idempotency import Idempotency
from packshot.products.seller_fields import NewProduct
from packshot.web.api import examples
from packshot.web.api.answer_models import (
    Answer,
    BulkAnswer,
    BulkData,
    CopyOut,
    DuplicatesAnswer,
    DuplicatesData,
    ElsewhereOut,
    FieldErrorOut,
    HistoryAnswer,
    HistoryData,
    ListAnswer,
    ListData,
    ProductAnswer,
    ProductData,
    RowErrorsOut,
    SameViewOut,
    SkippedOut,
    SkuCorrectionsAnswer,
    SkuCorrectionsData,
    SkuProductOut,
)
from packshot.web.api.product_schemas import (
    CorrectionIn,
    CorrectionQuery,
    NewProductIn,
    PhotoReplacementIn,
    SkuCorrectionsIn,
    SkuCorrectionsQuery,
    SkuFactsIn,
)
from packshot.web.api.schemas import (
    BulkIn,
    BulkQuery,
    CheckedRows,
    DuplicatesIn,
    ListQuery,
    ProductQuery,
    row_of,
)
from packshot.web.requests.context import caller, services
from packshot.web.requests.endpoints import (
    answer,
    blueprint,
    conditional,
    needs,
    reads_query,
    refuses,
    wanted_version,
)
from packshot.web.requests.limits import charge_products
from packshot.web.requests.prefix import under_prefix
from packshot.web.requests.refusals import FieldError, InvalidRequest, malformed, pointer
from packshot.web.requests.visibility import present

bp: APIBlueprint = blueprint("products", "Products")
IDEMPOTENCY_KEY = re.compile(r'(?P<quote>"?)(?P<key>[!#-~]{1,255})(?P=quote)')
ONE = "/api/products/<int:product_id>"


@bp.post("/api/products/bulk")
@reads_query(bp, BulkQuery)
@bp.input(BulkIn, arg_name="batch", example=examples.CREATE)
@bp.output(BulkAnswer, status_code=201, example=examples.CREATED)
@bp.doc(operation_id="createProducts")
@needs("submit")
@refuses("idempotency_running", "idempotency_mismatch")
def create_products(query: BulkQuery, batch: CheckedRows) -> Response:
    """Create products and queue them

    Answers at once; the pictures are made in the background. With an `Idempotency-Key` the same
    request can be sent again without creating anything twice. `on_duplicate=skip` creates nothing
    for a photo that has a product with the same SKU and view: `skipped` names the
    product; where the row has other values, `differs` has those that the product keeps. There a
    row without a name, without amounts or with the category "Products" takes those of its SKU's
    products, if they agree.
    """
    total = len(batch.rows) + len({row_of(field_error) for field_error in batch.field_errors})
    batch = _with_good_addresses(batch)
    if batch.field_errors and (query.on_error == "fail" or not batch.rows):
        raise InvalidRequest(batch.field_errors)
    return _created_response(_create(batch, query, total), batch, query, total)


def _with_good_addresses(batch: CheckedRows) -> CheckedRows:
    rows, field_errors = dict(batch.rows), list(batch.field_errors)
    for index, row in batch.rows.items():
        try:
            services().raw_images.check(row.raw_image)
        except FetchError as error:
            place = pointer(("products", index, "raw_image"))
            field_errors.append(FieldError(place, error.code, error.message))
            del rows[index]
    in_order = sorted(field_errors, key=lambda field_error: row_of(field_error) or 0)
    return replace(batch, rows=rows, field_errors=in_order)


def _new_product(row: NewProductIn) -> NewProduct:
    given = dict(row)
    if row.mrp is not None and row.price is not None:
        given["discount"] = row.mrp - row.price if row.discount is None else row.discount
        given["gst"] = row.gst or Decimal(0)
    return NewProduct(**given, submitted_by=caller().name)


def _create(batch: CheckedRows, query: BulkQuery, total: int) -> Created:
    catalog = services().catalog
    meant = (*vars(query).values(), total, batch.rows, batch.field_errors, batch.lane)
    if batch.pixel_lock is not None:  # else a key from before the upgrade still fits its request
        meant += (batch.pixel_lock,)
    idempotency = _idempotency(meant)
    known = idempotency is not None and catalog.was_answered(idempotency)
    with charge_products(0 if known else len(batch.rows)) as give_back:
        created = catalog.create(
            [_new_product(row) for row in batch.rows.values()],
            lane=batch.lane or services().settings.gemini_lane,
            pixel_lock=batch.pixel_lock,
            idempotency=idempotency,
            skip_duplicates=query.on_duplicate == "skip",
        )
    give_back(len(batch.rows) if created.replayed else len(created.skipped))
    return created


def _idempotency(meant: object) -> Idempotency | None:
    """The Idempotency-Key of a request that means this: by the IETF's draft a quoted string; bare
    ones are accepted too."""
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    match = IDEMPOTENCY_KEY.fullmatch(header)
    if match is None:
        raise malformed("Idempotency-Key must be 1 to 255 visible ASCII characters")
    fingerprint = hashlib.sha256(repr(meant).encode()).hexdigest()
    return Idempotency(caller().name, match["key"], fingerprint)


def _created_response(
    created: Created, batch: CheckedRows, query: BulkQuery, total: int
) -> Response:
    many, indexes = len(created.products), list(batch.rows)
    rows = [vars(row) for row in batch.rows.values()]
    differences = find_differences(services().database, created.skipped, rows)
    skipped = [
        SkippedOut(index=indexes[place], product_id=product_id, differs=differences.get(place, {}))
        for place, product_id in created.skipped.items()
    ]
    message = f"Successfully created {many} products and queued for processing"
    if skipped:
        message += f"; skipped {len(skipped)} whose photos have products already"
    body = BulkAnswer(
        message=message,
        data=BulkData(
            created=many,
            total=total,
            products=[present(product) for product in created.products],
            errors=list(_by_row(batch.field_errors)) or None,
            skipped=skipped if query.on_duplicate == "skip" else None,
        ),
    )
    return answer(body, 201, {"Location": under_prefix(f"/api/products?batch={created.batch_id}")})


def _by_row(field_errors: list[FieldError]) -> Iterator[RowErrorsOut]:
    for index, of_row in groupby(field_errors, key=row_of):
        errors = [FieldErrorOut.model_validate(field_error) for field_error in of_row]
        yield RowErrorsOut(index=index or 0, errors=errors)


@bp.post("/api/products/duplicates")
@bp.input(DuplicatesIn, arg_name="photos", example=examples.LOOK_FOR)
@bp.output(DuplicatesAnswer, example=examples.DUPLICATES)
@bp.doc(operation_id="findDuplicates")
@needs("submit")
def find_duplicates(photos: DuplicatesIn) -> Response:
    """Find the products that photos have already

    Saves uploading photos that would be skipped. Give the SHA-256 of each photo's bytes, with
    its SKU (or else the names and the category) and view. Failed products don't count. `differs`
    has the fields in which the row differs, with the product's values. `elsewhere` names a product
    that has the same photo under another SKU or view, as after a corrected SKU; `same_view` one
    that has the photo's SKU and view, but another photo: replace it, or both are made. `copies`
    names photos that are copies of an earlier one of the request.
    """
    wanted = [photo.as_identity() for photo in photos.photos]
    database = services().database
    found = look_for_duplicates(database, wanted)
    differences = find_differences(database, found, [vars(photo) for photo in photos.photos])
    data = DuplicatesData(
        duplicates=[
            SkippedOut(index=place, product_id=id_, differs=differences.get(place, {}))
            for place, id_ in found.items()
        ],
        elsewhere=[
            ElsewhereOut(index=place, product_id=id_, sku=other.sku, view=other.view)
            for place, (id_, other) in find_elsewhere(database, wanted, found).items()
        ],
        same_view=[
            SameViewOut(index=place, **vars(other))
            for place, other in find_taken_views(database, wanted, found).items()
        ],
        copies=[
            CopyOut(index=place, first=first) for place, first in find_repeated(wanted).items()
        ],
    )
    return answer(DuplicatesAnswer(message="Photos that have products already", data=data))


@bp.post("/api/products/corrections")
@reads_query(bp, SkuCorrectionsQuery)
@bp.input(SkuCorrectionsIn, arg_name="given", example=examples.CORRECT_SKUS)
@bp.output(SkuCorrectionsAnswer, example=examples.CORRECTED_SKUS)
@bp.doc(operation_id="correctSkus")
@needs("submit", "review")
@refuses("idempotency_running", "idempotency_mismatch")
def correct_skus(query: SkuCorrectionsQuery, given: SkuCorrectionsIn) -> Response:
    """Correct the products of many SKUs

    For a corrected spreadsheet: each product of a SKU gets the fields that are sent. Attributes
    that are not sent stay, and so do the pictures. `dry_run=true` answers with the same changes and
    saves none. A product does not change if its price would be above its MRP, or if a key with only
    the scope `submit` did not create it: `refused` says so. Each correction is recorded in the
    product's history. Sent again, the same request changes nothing; with the same
    `Idempotency-Key` it gets the first one's answer.
    """
    facts = [_facts(each) for each in given.products]
    dry_run = query.dry_run == "true"
    database, idempotency = services().database, _idempotency(facts)
    if dry_run:
        found = preview_corrections(database, facts, caller().as_editor)
    else:
        found = correct_skus_in(database, facts, caller().as_editor, idempotency)
    changed = sum(1 for each in found if each.changes)
    words = "Nothing was changed" if dry_run else f"{changed} products are corrected"
    data = SkuCorrectionsData(products=[SkuProductOut.model_validate(each) for each in found])
    return answer(SkuCorrectionsAnswer(message=words, data=data))


def _facts(given: SkuFactsIn) -> SkuFacts:
    return SkuFacts(given.sku, given.model_dump(exclude={"sku"}, exclude_none=True))


@bp.get("/api/products")
@reads_query(bp, ListQuery)
@bp.output(ListAnswer, example=examples.LISTED)
@bp.doc(operation_id="listProducts", responses=[304])
@needs()
@refuses("bad_cursor")
def list_products(query: ListQuery) -> Response:
    """List products

    Newest first, unless `order` or `q` asks otherwise. `next_cursor` goes into `cursor` for the
    next page; it is null on the last one.
    """
    page = services().catalog.products(query.as_filter(), limit=query.limit, cursor=query.cursor)
    products = [present(product) for product in page.products]
    data = ListData(products=products, next_cursor=page.next_cursor)
    return conditional(answer(ListAnswer(message="A page of products", data=data)))


@bp.get(ONE)
@reads_query(bp, ProductQuery)
@bp.output(ProductAnswer, example=examples.PRODUCT)
@bp.doc(operation_id="getProduct", responses=[304])
@needs()
def get_product(product_id: int, query: ProductQuery) -> Response:
    """Get a product and its pictures

    The ETag is the product's version: send it as `If-Match`, or as `If-None-Match` for a 304.
    """
    product = services().catalog.product(product_id, all_rounds=query.rounds == "all")
    body = ProductAnswer(message="Product", data=ProductData(product=present(product)))
    return conditional(answer(body), str(product.version))


def product_answer(product: FullProduct, message: str) -> Response:
    """A product, with its version as the ETag."""
    response = answer(ProductAnswer(message=message, data=ProductData(product=present(product))))
    response.set_etag(str(product.version))
    return response


@bp.patch(ONE)
@reads_query(bp, CorrectionQuery)
@bp.input(CorrectionIn, arg_name="correction", example=examples.CORRECT)
@bp.output(ProductAnswer, example=examples.CORRECTED)
@bp.doc(operation_id="correctProduct")
@needs("submit", "review")
@refuses("price_above_mrp", "raw_image_fixed", "view_taken", "stale")
def correct_product(product_id: int, query: CorrectionQuery, correction: CorrectionIn) -> Response:
    """Correct the fields of a product

    Only the fields that are sent change; null removes an optional one. `raw_image` can change
    only while the product is failed and has no pictures; `enhance` then tries the new one. A SKU
    that another product has (not a failed one) needs `on_duplicate=allow`, unless this product has
    a view that the other one has not, and no other name; `message` names the other one. Each
    correction is recorded in the product's history. A key with only the scope `submit` corrects
    products it created itself. `If-Match` is optional: 412 with the current state when it is stale.
    """
    if correction.raw_image is not None:
        _check_address(correction.raw_image)
    product = services().catalog.correct(
        product_id,
        correction.model_dump(exclude_unset=True),
        by=caller().as_editor,
        if_version=wanted_version(),
        allow_duplicate=query.on_duplicate == "allow",
    )
    message = f"Product {product_id} is corrected"
    if correction.model_fields_set & {"sku", "view"}:
        note = note_on_sku(services().database, product_id, product.sku)
        message = f"{message}; {note}" if note else message
    return product_answer(product, message)


@bp.put(f"{ONE}/photo")
@bp.input(PhotoReplacementIn, arg_name="given", example=examples.REPLACE_PHOTO)
@bp.output(ProductAnswer, example=examples.QUEUED)
@bp.doc(operation_id="replacePhoto")
@needs("submit", "review")
@refuses("being_made", "stale")
def replace_photo(product_id: int, given: PhotoReplacementIn) -> Response:
    """Replace the photo of a product

    The product keeps its number and data. Its next round is made from the new photo, and counts as
    one of the key's products per day; earlier pictures stay in its history and are not exported any
    more. A photo that it has already changes nothing. 409 `being_made` while its pictures are made.
    A key with only the scope `submit` may replace photos as it may redo products. `If-Match` is
    optional: 412 with the current state when it is stale.
    """
    _check_address(given.raw_image)
    with charge_products(1) as give_back:
        product, is_another = services().catalog.replace_photo(
            product_id,
            given.raw_image,
            by=caller().as_editor,
            if_version=wanted_version(),
        )
    if not is_another:
        give_back(1)
        return product_answer(product, f"Product {product_id} has this photo already")
    return product_answer(product, f"Product {product_id} is queued for processing")


def _check_address(raw_image: str) -> None:
    try:
        services().raw_images.check(raw_image)
    except FetchError as error:
        raise InvalidRequest([FieldError("/raw_image", error.code, error.message)]) from error


@bp.delete(ONE)
@bp.output(Answer, example=examples.DELETED)
@bp.doc(operation_id="deleteProduct")
@needs("admin")
@refuses("stale")
def delete_product(product_id: int) -> Response:
    """Delete a product for good, with its pictures and decisions

    Its upload goes too, unless another product uses it. Its costs stay in the totals. `If-Match` is
    optional: 412 with the current state when it is stale.
    """
    services().deletions.delete_product(product_id, wanted_version())
    return answer(Answer(message=f"Product {product_id} and its pictures are deleted"))


@bp.get(f"{ONE}/history")
@bp.output(HistoryAnswer, example=examples.HISTORY)
@bp.doc(operation_id="getProductHistory", responses=[304])
@needs()
def get_history(product_id: int) -> Response:
    """The decisions on a product's pictures, newest first"""
    catalog = services().catalog
    data = HistoryData(
        decisions=catalog.history(product_id), corrections=catalog.corrections(product_id)
    )
    return conditional(answer(HistoryAnswer(message="Decisions, newest first", data=data)))
