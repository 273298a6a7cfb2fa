"""Writes a ZIP of approved pictures while it is sent: named files, a manifest, a spreadsheet."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import chain, tee
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from zipstream import ZIP_STORED, ZipStream

from packshot.errors import FetchError, NotFound, PackshotError, PartlyUnavailable, PictureError
from packshot.marketplaces.compliance import (
    CHOICE_OF_MAIN_PICTURE,
    NAME_FOR_AMAZON,
    NO_MAIN_PICTURE,
    RuleResult,
)
from packshot.marketplaces.names import (
    COMPLIANCE,
    LEFT_OUT,
    MANIFEST,
    SPREADSHEET,
    WORKBOOK,
    NameTemplate,
    UniqueNames,
    amazon_code,
)
from packshot.pictures.signing import is_signed
from packshot.products.export.rows import ApprovedImage, csv_line, own_name, plain
from packshot.products.seller_fields import SellerFields
from packshot.spreadsheets.files.written_workbook import MOST_COLUMNS, MOST_ROWS, workbook_pieces
from packshot.storage import Storage
from packshot.storage.digests import OTHER_BYTES, check_digest, sha256_of

log = logging.getLogger("packshot.export")

Numbered = tuple[int, ApprovedImage]
Described = tuple[str, str]  # a picture's path and alternative text
IN_MEMORY: Final = 1_000_000
#: Files that are read and made while an earlier one is sent: a store and the pixel processes answer
#: more slowly than a ZIP is written.
AHEAD: Final = 4
#: The product's columns in both spreadsheets; its attributes follow.
SELLERS: Final = tuple(name for name in SellerFields.model_fields if name != "attributes")
MONEY: Final = ("mrp", "price", "discount")


@dataclass
class _Records:
    """What is written after the pictures; large records are on disk, to limit memory."""

    manifest: IO[str]
    rows: IO[str]
    compliance: IO[str]
    complete: bool
    attributes: dict[str, None] = field(default_factory=dict)  # names, in order of appearance
    products: int = 0
    pictures: int = 0
    signed: int = 0
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PreparedPicture:
    """The bytes that are sent of a picture, and how they comply with a preset, if there is one."""

    data: bytes
    rows: Sequence[RuleResult] = ()
    fits_as_main: bool = True  # passes the rules for main pictures


#: Turns an approved picture's bytes into the file to send; the bool: whether it is the main one.
Prepare = Callable[[ApprovedImage, bytes, bool], PreparedPicture]


@dataclass(frozen=True)
class _File:
    prepared: PreparedPicture
    sha256: str
    signed: bool


def as_it_is(image: ApprovedImage, data: bytes, main: bool) -> PreparedPicture:
    return PreparedPicture(data)


def zip_pieces(
    groups: Iterator[Sequence[Numbered]],
    template: NameTemplate,
    storage: Storage,
    made: datetime,
    prepare: Prepare = as_it_is,
    ending: str | None = None,
    notes: Sequence[str] = (),
    complete: bool = True,
) -> Generator[bytes, None, None]:
    """The ZIP's bytes, with few pictures in memory at a time; `prepare` makes each file.

    `ending` is the file extension of the format that `prepare` makes; None if it keeps the format.
    The manifest has the `notes`. `complete`: of each SKU all that is approved is asked for.
    Each group is the pictures of one SKU with their numbers. A picture that was removed meanwhile,
    differs from the approved one, can't be read or prepared, or is byte for byte the same as an
    earlier one of its SKU, is named in LEFT-OUT.txt and the manifest. Raises Unavailable when the
    storage fails; what was sent until then is an incomplete ZIP.
    """
    archive, names = ZipStream(compress_type=ZIP_STORED), UniqueNames(template)
    groups, coming = tee(groups)
    made_ahead = _make_ahead(_named(coming, names), partial(_make_file, storage, prepare))
    with (
        closing(made_ahead) as files,
        _open_spool() as manifest,
        _open_spool() as rows,
        _open_spool() as compliance,
    ):
        records = _Records(manifest, rows, compliance, complete)
        manifest.write(json.dumps({"made": plain(made)})[:-1] + ', "pictures": [')
        for group in groups:
            yield from _group_pieces(archive, group, files, names, records, ending)
        fits_a_sheet = _check_sheet(records)
        _end_manifest(records, notes)
        archive.add(_read(manifest), MANIFEST)
        _add_spreadsheets(archive, records, fits_a_sheet)
        _add_remarks(archive, records)
        yield from archive.finalize()


def _add_remarks(archive: ZipStream, records: _Records) -> None:
    if records.compliance.tell():
        archive.add(_read(records.compliance), COMPLIANCE)
    if records.left_out:
        archive.add("\r\n".join([*records.left_out, ""]), LEFT_OUT)


def _end_manifest(records: _Records, notes: Sequence[str]) -> None:
    last = {
        "signed": records.signed == records.pictures > 0,
        "left_out": records.left_out,
        "notes": list(notes),
    }
    records.manifest.write("], " + json.dumps(last, ensure_ascii=False)[1:])


def _open_spool() -> Any:
    return SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8", newline="")


def _group_pieces(
    archive: ZipStream,
    group: Sequence[Numbered],
    files: Iterator[Future[_File]],
    names: UniqueNames,
    records: _Records,
    ending: str | None,
) -> Iterator[bytes]:
    by_product: dict[int, list[Described]] = {}
    fitting: dict[int, tuple[str, bool]] = {}
    sent: dict[str | None, tuple[str, ApprovedImage]] = {}  # its SHA-256 -> path, and picture
    for n, image in group:
        path = _path(names, n, image, ending)
        by_product.setdefault(image.product_id, [])
        if reason := names.reason_without_name(n):
            records.left_out.append(f"{path}: picture {image.image_id} was left out: {reason}")
            continue
        coming = next(files)
        if first := sent.get(image.sha256):
            records.left_out.append(f"{path}: {_same_as(first, image)}")
            continue
        try:
            file = coming.result()
        except PackshotError as error:
            records.left_out.append(f"{path}: picture {image.image_id} {_why_left_out(error)}")
            continue
        sent[image.sha256 or file.sha256] = path, image
        _note_compliance(path, file.prepared.rows, records)
        if file.prepared.rows:
            _note_name(path, names.name_for_amazon(_values(image, n)), records)
        fitting[n] = path, file.prepared.fits_as_main
        by_product[image.product_id].append((path, " ".join(image.alt_text.split())))
        records.manifest.write((", " if records.pictures else "") + _entry(path, image, file))
        records.pictures += 1
        records.signed += file.signed
        archive.add(file.prepared.data, path)
        yield from archive.all_files()
    _note_choice(fitting, records)
    _note_rows(group, by_product, records)


def _path(names: UniqueNames, n: int, image: ApprovedImage, ending: str | None) -> str:
    own_ending = PurePosixPath(image.object_key or "").suffix or ".jpg"
    return names.give(_values(image, n), ending or own_ending)


def paths_in_zip(
    groups: Iterable[Sequence[Numbered]], template: NameTemplate, ending: str | None = None
) -> dict[int, str]:
    """The path that each picture has in a ZIP of these groups, by the picture's id; see
    `zip_pieces`. A picture that gets no name is not there."""
    names = UniqueNames(template)
    paths = {
        image.image_id: (n, _path(names, n, image, ending))
        for group in groups
        for n, image in group
    }
    return {each: path for each, (n, path) in paths.items() if not names.reason_without_name(n)}


def _same_as(first: tuple[str, ApprovedImage], image: ApprovedImage) -> str:
    path, other = first
    same = f"picture {image.image_id} was left out: it is byte for byte the same as {path}"
    is_given_twice = image.raw_sha256 is not None and image.raw_sha256 == other.raw_sha256
    if image.product_id == other.product_id or not is_given_twice:
        return same
    return f"{same}; products {other.product_id} and {image.product_id} have the same photo"


def _why_left_out(error: PackshotError) -> str:
    """The reason that a picture is left out; raises other errors, which end the ZIP."""
    if isinstance(error, NotFound):
        return (
            "is not in the store any more: unless its product was deleted, restore the file from a"
            " backup, or redo the product"
        )
    if isinstance(error, PartlyUnavailable) and error.code == OTHER_BYTES:
        return "is not the file that was approved: restore it from a backup, or redo the product"
    if isinstance(error, FetchError):  # the store works, and only this object can't be read
        log.error("%s: its picture is left out of an export", error.message)
        return "can't be read from the store, and was left out: the server's log says why"
    if isinstance(error, PictureError) and not error.retryable:  # retryable: its process ended
        return f"was left out: {error.message}"
    raise error


def _named(groups: Iterator[Sequence[Numbered]], names: UniqueNames) -> Iterator[Numbered]:
    """The pictures that get a name; the others are not read."""
    return (each for each in chain.from_iterable(groups) if not names.reason_without_name(each[0]))


def _make_ahead(
    pictures: Iterator[Numbered], make: Callable[[Numbered], _File]
) -> Generator[Future[_File], None, None]:
    """Each picture's file in turn, up to AHEAD of them made before their turn, in threads."""
    with ThreadPoolExecutor(AHEAD) as threads:
        coming: deque[Future[_File]] = deque()
        for picture in pictures:
            coming.append(threads.submit(make, picture))
            if len(coming) > AHEAD:
                yield coming.popleft()
        while coming:
            yield coming.popleft()


def _make_file(storage: Storage, prepare: Prepare, picture: Numbered) -> _File:
    n, image = picture
    stored = _read_picture(image, storage)
    prepared = prepare(image, stored, n == 1)
    # Hashing takes as long as writing, so an unchanged picture is not hashed again.
    known = image.sha256 if prepared.data is stored else None
    return _File(prepared, known or sha256_of(prepared.data), is_signed(prepared.data))


def _read_picture(image: ApprovedImage, storage: Storage) -> bytes:
    key = image.object_key or ""
    data = storage.get(key)
    if image.sha256 is not None:
        check_digest(key, data, {image.sha256})
    return data


def _values(image: ApprovedImage, n: int) -> dict[str, str | int]:
    own = own_name(image)
    return {
        "sku": own,
        "n": n,
        "view": image.view or "",
        "name": image.name or own,
        "id": str(image.product_id),
        "title": image.title or "",
        "category": image.category,
        "code": amazon_code(n),
    }


def _entry(path: str, image: ApprovedImage, file: _File) -> str:
    """A picture's entry in the manifest. `sha256` is the file's, `approved_sha256` the approved
    picture's, `raw_sha256` the seller's photo's."""
    facts = image.model_dump(exclude={"media_url", "attributes", "filename", "sha256"})
    files: dict[str, object] = {
        "file": path,
        "sha256": file.sha256,
        "approved_sha256": image.sha256,
        "signed": file.signed,
    }
    if image.answer is not None:
        facts["answer"] = _without_store(image.answer)
    if image.pixel_lock is not None:
        facts["pixel_lock"] = image.pixel_lock
    if file.prepared.rows:
        facts["measured"] = [
            {"rule": row.rule, "measured": row.measured, "verdict": row.verdict}
            for row in file.prepared.rows
        ]
    return json.dumps(files | facts, default=plain, ensure_ascii=False)


def _without_store(answer: dict[str, Any]) -> dict[str, Any]:
    """The model's answer and its metadata, with only the digest of its C2PA manifest."""
    c2pa = {name: value for name, value in answer.get("c2pa", {}).items() if name != "store"}
    return answer | ({"c2pa": c2pa} if c2pa else {})


def _note_compliance(path: str, rows: Sequence[RuleResult], records: _Records) -> None:
    for row in rows:
        if not records.compliance.tell():
            records.compliance.write(csv_line(["file", *vars(row)]))
        records.compliance.write(csv_line([path, *vars(row).values()]))


def _note_name(path: str, wanted: str | None, records: _Records) -> None:
    """Warn if Amazon would look for another SKU: a file can't have some characters of this one, or
    another SKU gives the same name."""
    if wanted is None or wanted == path.rpartition(".")[0]:
        return
    row = RuleResult(
        rule=NAME_FOR_AMAZON,
        required=f"{wanted}{PurePosixPath(path).suffix}",
        measured=path,
        verdict="fail",
        advice="Amazon would look for another SKU: name it by the ASIN or EAN before the upload.",
        source="seller central JV4FNMT7563SF5F",
        confidence="high",
    )
    _note_compliance(path, [row], records)


def _note_choice(fitting: Mapping[int, tuple[str, bool]], records: _Records) -> None:
    """Warn if the main picture, number 1, is missing, or fails the rules for it and another passes.

    The files keep their names, because a shop's systems know the pictures by them.
    """
    if fitting and 1 not in fitting and records.complete and records.compliance.tell():
        _note_no_main(next(iter(fitting.values()))[0], records)
    main, fits_as_main = fitting.get(1, ("", True))
    better = [path for path, fits in fitting.values() if fits]
    if fits_as_main or not better:
        return
    row = RuleResult(
        rule=CHOICE_OF_MAIN_PICTURE,
        required="one that passes as main picture",
        measured=f"{main} fails; {better[0]} passes",
        verdict="warn",
        advice=f"Swap the names of {main} and {better[0]} before you upload them.",
        source="Packshot",
        confidence="high",
    )
    _note_compliance(main, [row], records)


def _note_no_main(path: str, records: _Records) -> None:
    row = RuleResult(
        rule=NO_MAIN_PICTURE,
        required="a picture with number 1",
        measured="none: that number belongs to a picture that waits, was rejected or was left out",
        verdict="warn",
        advice=f"Approve that picture, or name {path} as the main picture before you upload it.",
        source="Packshot",
        confidence="high",
    )
    _note_compliance(path, [row], records)


def _note_rows(
    group: Sequence[Numbered], by_product: dict[int, list[Described]], records: _Records
) -> None:
    for product_id, pictures in by_product.items():
        image = next(image for _, image in group if image.product_id == product_id)
        records.products += 1
        attributes = image.attributes or {}
        records.attributes |= dict.fromkeys(attributes)
        row = [product_id, {name: getattr(image, name) for name in SELLERS}, attributes, pictures]
        records.rows.write(json.dumps(row, default=plain) + "\n")


def _check_sheet(records: _Records) -> bool:
    """Whether a workbook can have all rows and columns; if not, that it is left out is named."""
    if records.products <= MOST_ROWS and len(_columns(records)) <= MOST_COLUMNS:
        return True
    records.left_out.append(
        f"{WORKBOOK} was left out: a sheet holds at most {MOST_ROWS:,} products and"
        f" {MOST_COLUMNS:,} columns; {SPREADSHEET} has all of them"
    )
    return False


def _columns(records: _Records) -> list[str]:
    return ["id", *SELLERS, *records.attributes, "pictures", "alt_texts"]


def _add_spreadsheets(archive: ZipStream, records: _Records, fits_a_sheet: bool) -> None:
    """A row for each product: its fields, its attributes, and in the last two columns a line for
    each picture. The CSV is in UTF-8 with a BOM, for programs; the workbook for Excel."""
    names = _columns(records)
    archive.add(_csv(names, _product_rows(records)), SPREADSHEET)
    if fits_a_sheet:
        archive.add(workbook_pieces(names, _product_rows(records)), WORKBOOK)


def _csv(names: Sequence[str], rows: Iterator[list[Any]]) -> Iterator[bytes]:
    yield csv_line(names).encode("utf-8-sig")
    for row in rows:
        yield csv_line(row).encode()


def _product_rows(records: _Records) -> Iterator[list[Any]]:
    records.rows.seek(0)
    for line in records.rows:
        product_id, sellers, attributes, pictures = json.loads(line, parse_float=Decimal)
        for name in MONEY:
            sellers[name] = None if sellers[name] is None else Decimal(sellers[name])
        cells = [product_id, *sellers.values(), *map(attributes.get, records.attributes)]
        yield [*cells, *("\n".join(each[place] for each in pictures) for place in (0, 1))]


def _read(file: IO[str]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(65_536):
        yield piece.encode()
