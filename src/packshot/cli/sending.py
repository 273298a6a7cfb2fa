"""Sends rows to the server: uploads their photos and creates each product once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Final

import urllib3

from packshot.cli.rows import PHOTO, Row, Shared, of_photo, unreadable
from packshot.cli.updating import in_words, value
from packshot.client import BATCH, ApiError, Client, Json, split_for_requests
from packshot.lanes import Lane
from packshot.spreadsheets import in_columns
from packshot.spreadsheets.fields import PRODUCT_FIELDS
from packshot.spreadsheets.photos.views import view_key_of_copy

UPLOADS_AT_ONCE = 4
#: Bytes reserved for a row's `raw_image` that is not known yet.
ROOM_FOR_UPLOAD = 300
#: The fields of a row that are sent to find the product that has its photo: those that identify a
#: product, and those that may differ.
SENT_FIELDS = (*(name for name in PRODUCT_FIELDS if name != "raw_image"), "attributes")

#: Called for each row whose photo was checked or uploaded.
RowCallback = Callable[[Row], None]


@dataclass(frozen=True)
class ExistingProduct:
    """The product that has a row's photo; `differs`: the fields in which the row differs."""

    product_id: int
    differs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, skipped: Json) -> ExistingProduct:
        return cls(skipped["product_id"], skipped.get("differs") or {})

    def difference(self, row: Row) -> str:
        """`price: 990 is kept, not 1090 (packshot upload --update changes it)`; empty without a
        difference."""
        if not self.differs:
            return ""
        kept = (_kept(name, has, row.fields.get(name)) for name, has in self.differs.items())
        return f"{', '.join(kept)} (packshot upload --update changes it)"


def _kept(name: str, has: Any, given: Any) -> str:
    if name == "attributes":
        return in_words({name: [has, {**(has or {}), **given}]}).replace(" -> ", " is kept, not ")
    return f"{name}: {value(name, has)} is kept, not {value(name, given)}"


@dataclass(frozen=True)
class FoundPhotos:
    """By indexes of rows: the products that have their photos, those that have them under another
    SKU or view, and those that have their SKU and view with another photo."""

    known: dict[int, ExistingProduct] = field(default_factory=dict)
    elsewhere: dict[int, Json] = field(default_factory=dict)
    same_view: dict[int, Json] = field(default_factory=dict)


@dataclass
class KnownProducts:
    """By indexes of rows: the products that have their photos, so that they are skipped, and those
    whose photo is replaced."""

    skipped: dict[int, int] = field(default_factory=dict)
    replaced: dict[int, int] = field(default_factory=dict)


def elsewhere_words(row: Row, other: Json, made: str) -> str:
    """`a.jpg: product 10 (HOO-WHITE, front) has this photo; it would be made again as HOO-WHT`."""
    names = ", ".join(filter(None, (other["sku"] or "no SKU", other["view"])))
    again = ", ".join(filter(None, (row.fields.get("sku") or "no SKU", row.fields.get("view"))))
    return f"{row.source}: product {other['product_id']} ({names}) has this photo; {made} {again}"


def _same_view(same: Json) -> str:
    """`product 1 (A-1, front)`."""
    return f"product {same['product_id']} ({', '.join(filter(None, (same['sku'], same['view'])))})"


#: Only a person knows whether a photo replaces its product's, so that its row is refused.
SAME_VIEW_CHOICES: Final = " (packshot upload --update replaces it, --further keeps both)"


def with_same_view(row: Row, same: Json, what: str) -> Row:
    """The row with the product that has another photo, and what that means."""
    shared = Shared(f"{{}} have another photo{what}", _same_view(same))
    return replace(
        row, errors=[f"{PHOTO}: {_same_view(same)} has another photo{what}"], shared=shared
    )


#: What makes a photo again that a product has.
ONCE_MORE: Final = " (packshot upload --again)"


def with_known(row: Row, known: ExistingProduct, difference: str) -> Row:
    """The row with the product that has its photo, and in what it differs."""
    product = f"product {known.product_id}"
    words = [f"{product} has this photo under this SKU and view{ONCE_MORE}", difference]
    shared = Shared(f"{{}} have these photos under these SKUs and views{ONCE_MORE}", product)
    return replace(row, errors=[*filter(None, words)], shared=shared)


@dataclass
class SendResult:
    """The result for each row, in one of four lists, unless `stopped` ended the sending. Some rows
    are in `elsewhere` too: products have their photos under another SKU or view. `replaced` has
    products whose photo is now the row's."""

    created: list[tuple[Row, Json]] = field(default_factory=list)
    replaced: list[tuple[Row, Json]] = field(default_factory=list)
    skipped: list[tuple[Row, ExistingProduct]] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    elsewhere: list[tuple[Row, Json]] = field(default_factory=list)
    stopped: BaseException | None = None
    uploaded: int = 0  # photos

    @property
    def products(self) -> list[Json]:
        return [product for _, product in (*self.created, *self.replaced)]

    @property
    def rows(self) -> int:
        """The number of rows with a result."""
        return len(self.created) + len(self.replaced) + len(self.skipped) + len(self.refused)


@dataclass(frozen=True)
class SendOptions:
    """`again` makes photos again that have products already; without `lane` or `pixel_lock` the
    server's are used.

    A photo whose SKU and view a product has with another photo replaces that photo with `update`,
    becomes a further product with `further`, and is refused without either.

    `repeatable`: the same rows get the same answer for a day, also those with an address and no
    SKU, which never count as duplicates.
    """

    again: bool = False
    further: bool = False
    update: bool = False
    lane: Lane | None = None
    pixel_lock: bool | None = None
    repeatable: bool = False


def send_rows(
    client: Client,
    rows: Sequence[Row],
    choices: SendOptions = SendOptions(),
    progress: RowCallback = lambda _: None,
) -> SendResult:
    """Upload the photos and create the products; rows with errors are refused.

    A photo that has a product of its SKU and view is skipped, unless `again`: it is not uploaded.
    For a photo whose SKU and view a product has with another photo, see `SendOptions`.
    An error that concerns all rows (no answer, a wrong key, a used-up limit) is `stopped`, and so
    is Ctrl-C.
    """
    sent = SendResult(refused=[row for row in rows if row.errors])
    good = [row for row in rows if not row.errors]
    # Rows without a file are sent in parts of their own: at a second attempt other rows' photos may
    # be known or gone, but `repeatable` needs the same body.
    addresses = [row for row in good if row.photo is None]
    files = [row for row in good if row.photo is not None]
    for part in (*_parts(files), *_parts(addresses)):
        try:
            _send_part(client, part, sent, choices, progress)
        except (ApiError, urllib3.exceptions.HTTPError, KeyboardInterrupt) as error:
            sent.stopped = error
        if sent.stopped is not None:
            break
    return sent


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return split_for_requests(
        rows, BATCH, lambda row: len(json.dumps(row.fields)) + ROOM_FOR_UPLOAD
    )


def _send_part(
    client: Client,
    rows: Sequence[Row],
    sent: SendResult,
    choices: SendOptions,
    progress: RowCallback,
) -> None:
    found = find_known(client, rows)
    if choices.again:
        found = FoundPhotos(same_view=found.same_view)
    sent.elsewhere += [(rows[place], other) for place, other in found.elsewhere.items()]
    for place, product in found.known.items():
        sent.skipped.append((rows[place], product))
        progress(rows[place])
    taken = {} if choices.further else found.same_view
    done = set(found.known)
    if not choices.update:
        sent.refused += [
            with_same_view(rows[place], same, SAME_VIEW_CHOICES) for place, same in taken.items()
        ]
        done |= taken.keys()
    new = [place for place in range(len(rows)) if place not in done]
    ready: list[Row] = []
    with closing(_upload_photos(client, new, rows, sent)) as uploaded:
        for place, row in uploaded:
            sent.uploaded += row.photo is not None and not row.errors
            progress(row)
            if row.errors:
                sent.refused.append(row)
            elif place in taken:
                _replace_photo(client, row, taken[place], sent)
            else:
                ready.append(row)
    if ready:
        _create(client, ready, sent, choices)


def find_known(client: Client, rows: Sequence[Row]) -> FoundPhotos:
    """Which rows' photos have products already.

    Photos that can't be read, and rows that the server would refuse, are not looked for: the upload
    and the bulk call report them.
    """
    digests = {place: digest for place, row in enumerate(rows) if (digest := _digest_of(row))}
    photos = [
        {"sha256": digest} | {name: rows[place].fields.get(name) for name in SENT_FIELDS}
        for place, digest in digests.items()
    ]
    if not photos:
        return FoundPhotos()
    try:
        found = client.find_photos(photos)
    except ApiError as error:
        if error.status != 422:
            raise
        return FoundPhotos()
    places = list(digests)
    return FoundPhotos(
        {places[one["index"]]: ExistingProduct.of(one) for one in found["duplicates"]},
        {places[one["index"]]: one for one in found.get("elsewhere", ())},
        {places[one["index"]]: one for one in found.get("same_view", ())},
    )


def find_repeated_photos(rows: Sequence[Row]) -> Iterator[str]:
    """Note rows of a SKU that have another view's photo: all are made, as requested, except those
    that are named as its copies."""
    by_sku: dict[str, list[Row]] = {}
    for row in rows:
        if row.photo is not None and row.fields.get("sku"):
            by_sku.setdefault(row.fields["sku"], []).append(row)
    for sku, views in by_sku.items():
        first: dict[str, Row] = {}
        for row in views if len(views) > 1 else ():
            if (digest := _digest_of(row)) is None:
                continue
            other = first.setdefault(digest, row)
            view, other_view = row.fields.get("view"), other.fields.get("view")
            if view == other_view:
                continue
            same = f"{_name_of(row)}: the same photo as {_name_of(other)}"
            if view_key_of_copy(view) == view_key_of_copy(other_view):
                yield f"{same}, named as a copy: one of them is made (--again: both)"
            else:
                yield f"{same}, as another view of {sku}: remove one unless both are meant"


def _name_of(row: Row) -> str:
    """A photo's own name: one row of a spreadsheet may have several."""
    return row.photo.name if row.number and row.photo else row.source


def _digest_of(row: Row) -> str | None:
    try:
        return _digest(row.photo.read_bytes()) if row.photo else None
    except OSError:
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _upload_photos(
    client: Client, places: Sequence[int], rows: Sequence[Row], sent: SendResult
) -> Generator[tuple[int, Row], None, None]:
    """The rows at these places with their uploads or errors, in order; ends at an error that
    concerns all rows."""

    def upload(place: int) -> tuple[int, Row] | None:
        try:
            return None if sent.stopped else (place, _upload_photo(client, rows[place]))
        except (ApiError, urllib3.exceptions.HTTPError) as error:
            sent.stopped = sent.stopped or error
            return None

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads:
        try:
            yield from (one for one in threads.map(upload, places) if one is not None)
        except BaseException as error:  # Ctrl-C, too: no thread goes on waiting for the server
            sent.stopped = sent.stopped or error
            client.give_up()
            raise


def _upload_photo(client: Client, row: Row) -> Row:
    if row.photo is None:
        return row
    try:
        fields = row.fields | {"raw_image": client.upload(row.photo)}
    except ApiError as error:
        if error.is_passing:
            raise
        return replace(row, errors=[of_photo(row, error.message)])
    except OSError as error:
        return replace(row, errors=[unreadable(row.photo, error)])
    return replace(row, fields=fields)


def _replace_photo(client: Client, row: Row, same: Json, sent: SendResult) -> None:
    product_id = same["product_id"]
    try:
        product = client.replace_photo(product_id, row.fields["raw_image"], same["version"])
    except ApiError as error:
        if error.is_passing and error.status != 403:  # this key may not replace this photo
            raise
        words = f"{PHOTO}: product {product_id} keeps its photo: {error.message}"
        sent.refused.append(replace(row, errors=[words]))
    else:
        sent.replaced.append((row, product))


def _create(client: Client, rows: Sequence[Row], sent: SendResult, choices: SendOptions) -> None:
    bodies = [row.fields for row in rows]
    key = _digest(json.dumps(bodies).encode()) if choices.repeatable else None
    try:
        data = client.create(
            bodies,
            skip_bad_rows=True,
            skip_duplicates=not choices.again,
            lane=choices.lane,
            pixel_lock=choices.pixel_lock,
            idempotency_key=key,
        )
    except ApiError as error:
        if error.status != 422:
            raise
        sent.refused += _with_errors(rows, error.errors)
        return
    errors = data.get("errors") or []
    skipped = {one["index"]: ExistingProduct.of(one) for one in data.get("skipped") or ()}
    others = skipped.keys() | {error["index"] for error in errors}
    made = [row for place, row in enumerate(rows) if place not in others]
    sent.created += zip(made, data["products"], strict=True)
    sent.skipped += [(rows[place], product) for place, product in skipped.items()]
    sent.refused += _with_errors(rows, _flat(errors))


def _flat(errors: list[Json]) -> list[Json]:
    return [each for error in errors for each in error.get("errors", [error])]


def _with_errors(rows: Sequence[Row], errors: list[Json]) -> list[Row]:
    by_row: dict[int, list[str]] = {}
    for error in errors:
        parts = error["pointer"].split("/")
        index, name = int(parts[2]), "/".join(parts[3:])
        columns = dict(rows[index].columns)
        column, detail = in_columns(name, error["detail"], {"raw_image": PHOTO} | columns)
        by_row.setdefault(index, []).append(f"{column}: {detail}")
    return [replace(rows[index], errors=reasons) for index, reasons in by_row.items()]
