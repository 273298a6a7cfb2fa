"""The answers of `POST /api/imports`, a plan as JSON, and of `POST /api/imports/names`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from packshot.lanes import Lane
from packshot.products.answers.products import Out
from packshot.spreadsheets import DecimalSign, Plan, facts_of
from packshot.web.api.answer_models import Answer


class ColumnOut(Out):
    name: str
    letter: str
    samples: list[str] = Field(description="a few of its cells")


class ConventionOut(Out):
    """`sign` is the decimal sign; null: a person must choose it."""

    sign: DecimalSign | None
    reason: str
    currencies: list[str]


class ProblemOut(Out):
    """An error keeps its row out, a question must be answered first, a note only informs."""

    row: int | None
    column: str | None
    detail: str
    level: Literal["error", "question", "note"]


class MatchedOut(Out):
    """`index` is that of the photo's product in `rows`."""

    photo: str
    index: int
    row: int | None = Field(description="of the spreadsheet")
    hint: str | None


class AmbiguousOut(Out):
    photo: str
    skus: list[str]
    why: str
    rows: list[int] = Field(description="`assigned` may give it to one of these")


class MissingOut(Out):
    """A row whose photo is missing; it is in `rows` without a `raw_image`, or has an error too."""

    row: int
    wanted: str = Field(description="the name of its photo in the spreadsheet, else its SKU")
    sku: str | None


class LeftOutOut(Out):
    file: str
    why: str
    fits_no_row: bool = Field(
        description="a photo whose name fits no SKU: `assigned` may give it to a row"
    )


class PhotosOut(Out):
    matched: list[MatchedOut]
    ambiguous: list[AmbiguousOut]
    missing: list[MissingOut]
    left_out: list[LeftOutOut]
    system_files: int = Field(description="such as Thumbs.db, never photos")
    pattern: str | None = Field(description="for names without a spreadsheet")


class ImportData(Out):
    form: str | None = Field(description="how the spreadsheet was read")
    columns: list[ColumnOut]
    mapping: dict[str, str] = Field(description="column to field")
    conventions: dict[str, ConventionOut] = Field(description="of the columns of numbers")
    rows: list[dict[str, Any]] = Field(description="products in the form of the bulk call")
    facts: list[dict[str, Any]] = Field(
        description="what the spreadsheet itself says of each SKU, for `/api/products/corrections`"
    )
    problems: list[ProblemOut]
    photos: PhotosOut
    lane: Lane | None = Field(description="for the bulk call, unchanged")


class ImportAnswer(Answer):
    data: ImportData


class NamesData(Out):
    names: list[str | None]


class NamesAnswer(Answer):
    data: NamesData


def import_data(plan: Plan, lane: Lane | None) -> ImportData:
    found = plan.found
    return ImportData(
        form=found.form if found else None,
        columns=_columns(plan),
        mapping=dict(found.mapping) if found else {},
        conventions={
            name: ConventionOut.model_validate(each)
            for name, each in (found.conventions if found else {}).items()
        },
        rows=[row.product.as_product() for row in plan.rows],
        facts=facts_of(found.rows) if found else [],
        problems=[ProblemOut.model_validate(each) for each in plan.problems],
        photos=_photos(plan),
        lane=lane,
    )


def _columns(plan: Plan) -> list[ColumnOut]:
    return [
        ColumnOut(name=each.name, letter=each.letter, samples=list(plan.samples[each.name]))
        for each in (plan.found.columns if plan.found else ())
    ]


def _photos(plan: Plan) -> PhotosOut:
    photos = plan.photos
    matched = [
        MatchedOut(photo=row.photo, index=index, row=row.product.row or None, hint=row.hint)
        for index, row in enumerate(plan.rows)
        if row.photo
    ]
    return PhotosOut(
        matched=matched,
        ambiguous=[AmbiguousOut.model_validate(each) for each in photos.ambiguous],
        missing=[MissingOut.model_validate(each) for each in photos.missing],
        left_out=[LeftOutOut.model_validate(each) for each in photos.left_out],
        system_files=photos.system_files,
        pattern=photos.pattern,
    )
