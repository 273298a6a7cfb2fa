"""The pages that a reviewer works with, and the counts that they poll."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from apiflask import APIBlueprint
from flask import Response, jsonify, make_response, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

import packshot
from packshot.database.models import APPROVED, PENDING_REVIEW, REJECTED
from packshot.enhancers.gemini.lane_words import one_ready_in
from packshot.enhancers.gemini.prices import estimates
from packshot.errors import NotFound
from packshot.marketplaces.compliance import NO_MAIN_PICTURE
from packshot.marketplaces.presets import preset_titles
from packshot.pictures import limits
from packshot.pictures.imaging import PREVIEW_SIDES
from packshot.products.answers.products import FullProduct
from packshot.products.lists import Filter
from packshot.products.review.reasons import REASON_WORDS
from packshot.settings import Settings
from packshot.spreadsheets import ENDINGS, SHEET_ENDINGS, TABLE_BYTES
from packshot.spreadsheets.fields import PRODUCT_FIELDS
from packshot.spreadsheets.view_words import place_of_view, view_key
from packshot.web.api.product_schemas import MAX_PRODUCTS
from packshot.web.api.schemas import ListQuery
from packshot.web.requests.auth import identify
from packshot.web.requests.context import caller, services
from packshot.web.requests.endpoints import conditional, needs, open_to_all
from packshot.web.requests.problems import answer_http_error
from packshot.web.requests.reading import MAX_ID, MAX_JSON_BYTES
from packshot.web.requests.visibility import present

#: Products that come with a page; others are requested when they are needed.
FIRST_PRODUCTS: Final = 50
#: The most views of one SKU that its pages show.
MAX_VIEWS: Final = 200
#: What the Upload page checks before it sends anything.
LIMITS: Final = {
    "photo_bytes": limits.MAX_BYTES,
    "photo_pixels": limits.MAX_PIXELS,
    "shortest_side": limits.MIN_SIDE,
    "most_aspect": limits.MAX_ASPECT,
    "table_bytes": TABLE_BYTES,
    "request_products": MAX_PRODUCTS,
    "request_bytes": MAX_JSON_BYTES,
}
#: The most decisions that the desk can undo.
UNDO_DEPTH: Final = 20
#: Statuses of products with pictures to decide on.
REVIEWABLE: Final = (PENDING_REVIEW, APPROVED, REJECTED)

bp = APIBlueprint("desk", __name__, enable_openapi=False)


@dataclass(frozen=True)
class Filters(Filter):
    """The filters in the page's address; invalid ones count as unset."""

    @classmethod
    def read(cls, status: str | None = None) -> Filters:
        """Read the query; without a status, `status` is the page's own (`all` for any)."""
        found: dict[str, Any] = {"status": status}
        for name in cls.__dataclass_fields__:
            with suppress(ValidationError):
                asked = {name: request.args.get(name, "")}
                found |= ListQuery.model_validate(asked).model_dump(
                    include={name}, exclude_none=True
                )
        if request.args.get("status") == "all":
            found["status"] = None
        return cls(**found)

    def as_dict(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value is not None}


# -- pages -----------------------------------------------------------------------------------------


@bp.get("/")
@needs()
def review() -> Response:
    """The desk: one product after the other."""
    filters = Filters.read(PENDING_REVIEW)
    if filters.status not in REVIEWABLE:
        filters = replace(filters, status=PENDING_REVIEW)
    data = _list(filters) | _presets()
    data["first"] = _find_named_product()
    data["last_decisions"] = _last_decisions()
    return _page("desk/review.html", "desk", filters, data, preload=_first_previews(data))


def _last_decisions() -> list[dict[str, Any]]:
    """The decisions that the caller can undo, also after a reload."""
    found = services().catalog.last_decisions(caller().name, UNDO_DEPTH)
    return [
        {"product": _show(product), **decision.model_dump(mode="json")}
        for product, decision in found
    ]


def _find_named_product() -> dict[str, Any] | None:
    """The product that `?product=` names: the desk begins with it."""
    number = request.args.get("product", "")
    if not re.fullmatch(r"[1-9][0-9]{0,8}", number):
        return None
    try:
        return _show(services().catalog.product(int(number)))
    except NotFound:
        return None


def _first_previews(data: dict[str, Any]) -> list[dict[str, str]]:
    """The previews of the product that the desk shows first, each by their sides: of its photo and
    three pictures."""
    first = data["first"] or next(iter(data["products"]), None)
    if first is None:
        return []
    pictures = [first["normalised"], *first["images"][:3]]
    return [found["previews"] for found in pictures if found and found["previews"]]


@bp.get("/grid")
@needs()
def grid() -> AnyResponse:
    """Many products at once, to select and decide on together."""
    searched = request.args.get("q", "").strip()
    if (number := _searched_number(searched)) is not None:
        return redirect(url_for("desk.product", product_id=number), 303)
    filters = Filters.read(None if searched else PENDING_REVIEW)
    return _page("desk/grid.html", "grid", filters, _list(filters) | _for_grid())


def _presets() -> dict[str, Any]:
    """The marketplaces that pictures can be exported for, and checked against."""
    titles = preset_titles(services().settings.presets_dir)
    return {"presets": list(titles.items()), "no_main_rule": NO_MAIN_PICTURE}


def _for_grid() -> dict[str, Any]:
    return {**_presets(), "last_decisions": _last_decisions()}


def _searched_number(searched: str) -> int | None:
    """The product whose number was searched: "#41", or "41" if no name begins with it."""
    found = re.fullmatch(r"(#?)([1-9][0-9]{0,8})", searched)
    if found is None:
        return None
    catalog, number = services().catalog, int(found[2])
    if not found[1] and catalog.products(Filter(q=searched), limit=1).products:
        return None
    try:
        return catalog.product(number).id
    except NotFound:
        return None


@bp.get("/waiting")
@needs()
def waiting() -> Response:
    """Products whose pictures are still to be made."""
    return _list_page("pending")


@bp.get("/failed")
@needs()
def failed() -> Response:
    """Failed products, which need a person."""
    return _list_page("failed")


def _list_page(status: str) -> Response:
    filters = replace(Filters.read(), status=status, reason=None)
    return _page("desk/list.html", status, filters, _list(filters))


@bp.get(f"/products/<int(max={MAX_ID}):product_id>")
@needs()
def product(product_id: int) -> Response:
    """The page of one product."""
    try:
        data = _everything(product_id)
    except NotFound as error:
        return _missing(error.message)
    return _page("desk/product.html", "product", None, data | _presets())


@bp.get(f"/desk/products/<int(max={MAX_ID}):product_id>")
@needs()
def product_data(product_id: int) -> Response:
    """The data that the product's page polls: all rounds, all decisions."""
    return conditional(jsonify(_everything(product_id)))


def _everything(product_id: int) -> dict[str, Any]:
    catalog = services().catalog
    product = catalog.product(product_id, all_rounds=True)
    return {
        "product": _show(product),
        "siblings": _views_of(product.sku) if product.sku else [],
        "rounds": [
            vars(found) | {"opened_at": found.opened_at.isoformat()}
            for found in catalog.rounds(product_id)
        ],
        "decisions": [
            vars(found) | {"at": found.at.isoformat()} for found in catalog.history(product_id)
        ],
        "corrections": [
            vars(found) | {"at": found.at.isoformat()} for found in catalog.corrections(product_id)
        ],
    }


@bp.get("/desk/views")
@needs()
def sku_views() -> Response:
    """The products of a SKU, in the order of their views."""
    sku = request.args.get("sku", "")
    found = _views_of(sku) if sku.isprintable() else []  # no SKU has other characters
    return conditional(jsonify({"products": found}))


def _views_of(sku: str) -> list[dict[str, Any]]:
    """All products of the SKU, in the order in which exports number their views; products with the
    same `view_key` show the same view."""
    found = services().catalog.products(Filter(sku=sku), limit=MAX_VIEWS).products
    in_order = sorted(found, key=lambda each: (place_of_view(each.view), each.id))
    return [_show(each) | {"view_key": view_key(each.view)} for each in in_order]


@bp.get("/upload")
@needs("submit")
def upload() -> Response:
    """Upload photos and spreadsheets, with a preview and progress."""
    settings = services().settings
    # Without Gemini there is nothing to lock.
    lock = None if settings.enhancer_name == "local" else settings.pixel_lock == "on"
    data = {
        "endings": ENDINGS,
        "sheet_endings": SHEET_ENDINGS,
        "lanes": _lanes(settings),
        "pixel_lock": lock,
        "limits": LIMITS,
    }
    return _page("desk/upload.html", "upload", None, data)


def _lanes(settings: Settings) -> list[dict[str, Any]]:
    """The lanes to choose from; none without Gemini."""
    if settings.enhancer_name == "local":
        return []
    return [
        {
            "name": each.lane,
            "ready": one_ready_in(each.lane, settings),
            "cost": None if each.per_product is None else float(each.per_product),
            "chosen": each.lane == settings.gemini_lane,
        }
        for each in estimates(1, settings, datetime.now(UTC).date())
    ]


@bp.get("/sign-in")
@open_to_all
def sign_in() -> AnyResponse:
    """The sign-in page; only with API_KEYS."""
    if identify() is not None:
        return redirect(url_for("desk.review"), 303)
    return make_response(
        render_template(
            "desk/sign_in.html",
            version=packshot.__version__,
            simulated=services().settings.simulated,
        )
    )


def _missing(message: str) -> Response:
    page = _page("desk/missing.html", "missing", None, {"message": message})
    page.status_code = 404
    return page


@bp.app_errorhandler(404)
def show_missing_page(error: HTTPException) -> AnyResponse | HTTPException:
    """Answer an unknown address: a page for a browser, a problem document for a program."""
    programs = request.path.startswith(("/api/", "/media/", "/static/"))
    kinds = request.accept_mimetypes.best_match(["application/json", "text/html"])
    if programs or request.method != "GET" or kinds != "text/html" or identify() is None:
        return answer_http_error(error)
    return _missing("there is no page with this address")


# -- the pages' data -------------------------------------------------------------------------------


def _list(filters: Filters) -> dict[str, Any]:
    """The first page, and the query for the further ones: newest first, with the views of a SKU in
    their own order, unless the filters say otherwise."""
    if filters.order is None and filters.q is None:
        filters = replace(filters, order="views")
    page = services().catalog.products(filters, limit=FIRST_PRODUCTS)
    products = [_show(product) for product in page.products]
    query = filters.as_dict()
    return {"products": products, "next_cursor": page.next_cursor, "query": query}


def _show(product: FullProduct) -> dict[str, Any]:
    """The product as the API shows it."""
    return present(product).model_dump(mode="json")


def _page(
    template: str, page: str, filters: Filters | None, data: dict[str, Any], **more: Any
) -> Response:
    """The page with its data; `filters` is None on a page without a list."""
    response = make_response(
        render_template(
            template,
            page=page,
            filters=filters or Filters(),
            data=data | _data_of_all_pages(filters),
            **_context_of_all_pages(),
            **more,
        )
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _data_of_all_pages(filters: Filters | None) -> dict[str, Any]:
    return {
        "filters": WITHOUT_LIST if filters is None else filters.as_dict(),
        "state": _state(filters),
        "caller": caller().name,
        "reasons": list(REASON_WORDS.items()),
        "preview_sides": PREVIEW_SIDES,
        "product_fields": _product_fields(),
    }


def _product_fields() -> list[dict[str, Any]]:
    """How the pages name and show each field that a seller gives."""
    return [
        {"name": name, "label": found.label, "kind": found.kind, "longest": found.longest}
        for name, found in PRODUCT_FIELDS.items()
    ]


def _context_of_all_pages() -> dict[str, Any]:
    return {
        "caller": caller(),
        "may_review": caller().may("review"),
        "may_submit": caller().may("submit"),
        "may_delete": caller().may("admin"),
        "signed_in": caller().via == "session",
        "version": packshot.__version__,
        "simulated": services().settings.simulated,
        "currency": services().settings.currency,
        "preview_sides": PREVIEW_SIDES,
    }


# -- live ------------------------------------------------------------------------------------------


#: The query for the state of a page without a list: counting a large shop takes long.
WITHOUT_LIST: Final = {"list": "none"}


@bp.get("/desk/state")
@needs()
def state() -> Response:
    """Counts for the page's filters and for the whole shop; 304 while nothing changes."""
    without_list = request.args.get("list") == WITHOUT_LIST["list"]
    return conditional(jsonify(_state(None if without_list else Filters.read())))


def _state(filters: Filters | None) -> dict[str, Any]:
    catalog = services().catalog
    shop, facets = catalog.shop_now(), {} if filters is None else vars(catalog.facets(filters))
    return {
        **facets,
        "shop": shop.products,
        "working": shop.in_flight,
        "batched": shop.batched,
        "pace": catalog.pace(),
        "reviewed_last_hour": shop.reviewed_last_hour,
        "worker": services().problem(),
    }
