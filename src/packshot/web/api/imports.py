"""Imports: plans products from a shop's spreadsheet and photos; creates nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Annotated, Any, ClassVar, Final, TypeVar

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field, TypeAdapter, ValidationError

from packshot.errors import FetchError, PictureError, SpreadsheetError, Unavailable
from packshot.lanes import LANES, Lane
from packshot.products.intake.sku_facts import find_known_skus
from packshot.spreadsheets import (
    ImportChoices,
    ImportInput,
    Plan,
    ProductRow,
    SheetLimits,
    SheetProblem,
    columns_by_field,
    possible_skus,
)
from packshot.spreadsheets.columns.currencies import currency_note
from packshot.spreadsheets.columns.known_spellings import note_known_spellings
from packshot.spreadsheets.fields import NUMBERS
from packshot.web.api import examples
from packshot.web.api.import_answers import ImportAnswer, NamesAnswer, NamesData, import_data
from packshot.web.api.import_planning import plan_in_child, read_names
from packshot.web.requests.context import services
from packshot.web.requests.endpoints import answer, blueprint, needs, refuses
from packshot.web.requests.field_errors import unknown_field
from packshot.web.requests.multipart import Part, find_other_parts, read_parts
from packshot.web.requests.reading import StrictModel
from packshot.web.requests.refusals import FieldError, InvalidRequest, Refused
from packshot.web.requests.thread_shares import thread_shares

#: Bytes of the whole body. Photos are skipped, but a ZIP is read: for a larger one, send the names.
MAX_BODY: Final = 64_000_000
MAX_ZIP: Final = 50_000_000
MAX_SPREADSHEET: Final = SheetLimits().bytes
#: Photos in one import, and the bytes of their names as one JSON list.
MAX_NAMES: Final = 20_000
MAX_NAMES_BYTES: Final = 8_000_000
#: Bytes of each choice as JSON.
MAX_CHOICES: Final = 256_000
MAX_PARTS: Final = 5_000
#: Seconds to wait for a child process, and for its work, and the CPU seconds that this may take:
#: 20,000 rows of 20 cells take about 5.
WAIT_SECONDS: Final = 20.0
READ_SECONDS: Final = 40.0
CPU_SECONDS: Final = 20.0

T = TypeVar("T")
bp: APIBlueprint = blueprint("imports", "Imports")


@bp.post("/api/imports")
@bp.output(ImportAnswer, example=examples.IMPORTED)
@bp.doc(operation_id="planImport", extensions={"x-multipart": "import"})
@needs("submit")
@refuses("bad_spreadsheet")
def plan() -> Response:
    """Plan products from a spreadsheet and photos; nothing is created

    Send `rows` to the bulk call as they are. If `photos.matched` names a row by its `index`, first
    put the upload's `raw_image` into that row. If there are many photos, send only their names (a
    JSON list): their bytes are not needed. `mapping` (column to field), `conventions` (column to
    `point` or `comma`), `assigned` (photo to its row) and `pattern` change what was recognised.
    `lane` is returned unchanged, for the bulk call.
    """
    with thread_shares().uploads.occupy("uploading"):
        given, archive, lane = _read_input()
        found = _plan(given, archive)
        if given.spreadsheet is None and not given.pattern:
            names = [*given.photos, *(row.photo or "" for row in found.rows)]
            skus = possible_skus(list(dict.fromkeys(names)))
            if known := find_known_skus(services().database, skus):
                found = _plan(replace(given, known=known), archive)
        found = _with_known_spellings(_with_currency(_without_bad_addresses(found)))
        data = import_data(found, lane)
        return answer(ImportAnswer(message="Nothing was created", data=data))


class NamesIn(StrictModel):
    max_bytes: ClassVar[int] = MAX_NAMES_BYTES

    names: list[Annotated[str, Field(pattern="^(?:[0-9a-f]{2})+$", max_length=131_070)]] = Field(
        min_length=1, max_length=MAX_NAMES, description="bytes in hexadecimal"
    )


@bp.post("/api/imports/names")
@bp.input(NamesIn, arg_name="given", example=examples.READ_NAMES)
@bp.output(NamesAnswer, example=examples.NAMES)
@bp.doc(operation_id="readNames")
@needs("submit")
def read_zip_names(given: NamesIn) -> Response:
    """Read names of a ZIP that neither are UTF-8 nor say their encoding

    Programs write such names in the code page of their country. Give all of one ZIP: together they
    show which. The names come back in their order; null stands for one that can't be read.
    """
    with thread_shares().uploads.occupy("uploading"):
        names = _in_child(read_names, [bytes.fromhex(name) for name in given.names])
        return answer(NamesAnswer(message="The names as text", data=NamesData(names=names)))


def _plan(given: ImportInput, archive: bytes | None) -> Plan:
    return _in_child(plan_in_child, given, archive)


def _in_child(function: Callable[..., T], *args: object) -> T:
    try:
        return services().pixels.run(
            function,
            *args,
            deadline=READ_SECONDS,
            wait=WAIT_SECONDS,
            cpu_seconds=CPU_SECONDS,
        )
    except SpreadsheetError as error:
        raise Refused("bad_spreadsheet", error.message) from None
    except PictureError as error:  # the child process was stopped
        if error.code == "picture_too_slow":  # other programs kept the CPU from it
            message = "this machine is too busy to read the files now; try again"
            raise Unavailable(message, code="busy", retry_after=5) from None
        detail = "the spreadsheet takes too much time or memory: split it"
        raise Refused("bad_spreadsheet", detail) from None


# -- the request ---------------------------------------------------------------------------------

_TEXTS: Final = TypeAdapter(dict[str, str])
_NAMES: Final = TypeAdapter(list[str])
_LANE: Final = TypeAdapter(Lane)
_CHOICES: Final = ("mapping", "conventions", "defaults", "assigned")
#: What rows may take from `defaults`.
_DEFAULTS: Final = ("category", *NUMBERS)
_KNOWN: Final = ("spreadsheet", "photos", *_CHOICES, "pattern", "lane")


def _read_input() -> tuple[ImportInput, bytes | None, Lane | None]:
    parts = read_parts(request, MAX_BODY, _most_of, MAX_PARTS)
    fields = {part.name: part for part in parts if part.name != "photos"}
    photos = [part for part in parts if part.name == "photos"]
    errors = find_other_parts(parts, _KNOWN, several="photos")
    archives = [part.data for part in photos if _is_zip(part.filename)]
    if len(archives) > 1:
        errors.append(FieldError("/photos", "repeated", "may have one ZIP: put them into one"))
    if errors:
        raise InvalidRequest(errors)
    if "spreadsheet" not in fields and not photos:
        detail = "send a spreadsheet, photos or both"
        raise InvalidRequest([FieldError("/spreadsheet", "required", detail)])
    sheet = fields.get("spreadsheet")
    given = ImportInput(
        spreadsheet=sheet.data if sheet else None,
        filename=(sheet and sheet.filename) or "",
        photos=list(_names(photos)),
        choices=_choices(fields),
        pattern=_text(fields["pattern"]) if "pattern" in fields else None,
    )
    return given, next(iter(archives), None), _lane(fields.get("lane"))


def _choices(fields: Mapping[str, Part]) -> ImportChoices:
    chosen: dict[str, Any] = {name: _texts(fields.get(name)) for name in _CHOICES}
    unknown = [name for name in chosen["defaults"] if name not in _DEFAULTS]
    if unknown:
        words = unknown_field(unknown[0], _DEFAULTS)
        raise InvalidRequest([FieldError("/defaults", "unknown_field", words)])
    return ImportChoices(**chosen)


def _lane(part: Part | None) -> Lane | None:
    try:
        return _LANE.validate_python(_text(part)) if part is not None else None
    except ValidationError:
        detail = f"must be one of {', '.join(LANES)}"
        raise InvalidRequest([FieldError("/lane", "not_allowed", detail)]) from None


def _most_of(name: str, filename: str | None) -> int | None:
    """The number of bytes of a part to keep: none of photos, whose names are enough."""
    if name == "spreadsheet":
        return MAX_SPREADSHEET
    if name == "photos" and filename is not None:
        return MAX_ZIP if _is_zip(filename) else None
    return MAX_NAMES_BYTES if name == "photos" else MAX_CHOICES


def _is_zip(filename: str | None) -> bool:
    return (filename or "").lower().endswith(".zip")


def _names(photos: Sequence[Part]) -> Iterator[str]:
    """The names of files, the texts of fields, or the entries of a JSON list."""
    names = list(chain.from_iterable(map(_names_of, photos)))
    if len(names) > MAX_NAMES:
        raise Refused("too_large", f"at most {MAX_NAMES:,} photos fit in one import")
    yield from dict.fromkeys(names)


def _names_of(part: Part) -> Iterable[str]:
    if part.filename is not None:
        return [] if _is_zip(part.filename) else [part.filename]
    text = _text(part)
    if not text.lstrip().startswith("["):
        return [text]
    try:
        return _NAMES.validate_json(text)
    except ValidationError:
        detail = "must be a photo's name, or a JSON list of names"
        raise InvalidRequest([FieldError("/photos", "not_a_list", detail)]) from None


def _texts(part: Part | None) -> Mapping[str, str]:
    if part is None:
        return {}
    try:
        return _TEXTS.validate_json(_text(part))
    except ValidationError:
        detail = "must be a JSON object of strings"
        raise InvalidRequest([FieldError(f"/{part.name}", "not_an_object", detail)]) from None


def _text(part: Part) -> str:
    try:
        return part.data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest([FieldError(f"/{part.name}", "not_text", "must be UTF-8")]) from None


# -- addresses -----------------------------------------------------------------------------------


def _without_bad_addresses(found: Plan) -> Plan:
    """The plan without the rows whose address may not be fetched; each has a problem."""
    columns = columns_by_field(found.found) if found.found else {}
    column = columns.get("raw_image", "raw_image")
    refused = {index: _address_problem(row.product, column) for index, row in enumerate(found.rows)}
    rows = tuple(row for index, row in enumerate(found.rows) if refused[index] is None)
    problems = [*found.problems, *filter(None, refused.values())]
    problems.sort(key=lambda problem: problem.row or 0)
    return replace(found, rows=rows, problems=tuple(problems))


def _with_currency(found: Plan) -> Plan:
    """The plan with a note if the sheet names another currency than CURRENCY."""
    note = currency_note(found.found, services().settings.currency) if found.found else None
    return found if note is None else replace(found, problems=(note, *found.problems))


def _with_known_spellings(found: Plan) -> Plan:
    """The plan with a note on SKUs of the sheet that Packshot has in another spelling."""
    if found.found is None:
        return found
    column = columns_by_field(found.found).get("sku", "sku")
    find_skus = partial(find_known_skus, services().database)
    note = note_known_spellings((row.sku for row in found.found.rows), column, find_skus)
    return found if note is None else replace(found, problems=(note, *found.problems))


def _address_problem(row: ProductRow, column: str) -> SheetProblem | None:
    if row.raw_image:
        try:
            services().raw_images.check(row.raw_image)
        except FetchError as error:
            return SheetProblem(row.row, column, error.message)
    return None
