"""Plans an import in a pixel process, by the API's own rules.

Such a process starts for the first spreadsheet after a minute, and somebody waits for its answer:
this module imports neither Flask nor SQLAlchemy, which take longer than the planning.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets import ImportInput, PhotoArchive, Plan, ProductRow, plan_import
from packshot.spreadsheets.photos.archive import decode_names, is_garbled
from packshot.web.api.product_schemas import NewProductIn
from packshot.web.requests.field_errors import check
from packshot.web.requests.refusals import InvalidRequest

#: Characters of attributes in one answer: many pictures of one row repeat them.
MAX_ATTRIBUTE_CHARACTERS: Final = 40_000_000
#: A placeholder for the photo of a row that is still to be uploaded.
ANY_PICTURE: Final = "photo"


def plan_in_child(given: ImportInput, archive: bytes | None) -> Plan:
    """The plan by the API's own rules. Raises SpreadsheetError."""
    if archive is not None:
        with io.BytesIO(archive) as file:
            zipped = PhotoArchive(file)
        names = dict.fromkeys([*given.photos, *zipped.photos])
        given = replace(given, photos=list(names))
        found = _with_left_out(plan_import(given, wrong_fields), zipped)
    else:
        found = plan_import(given, wrong_fields)
    texts = chain.from_iterable(row.product.attributes.values() for row in found.rows)
    if sum(map(len, texts)) > MAX_ATTRIBUTE_CHARACTERS:
        raise SpreadsheetError(
            "the attributes of all pictures are too much text: split the spreadsheet"
        )
    return found


def read_names(names: Sequence[bytes]) -> list[str | None]:
    """A ZIP's names as text; None for those in an unknown encoding."""
    return [None if is_garbled(name) else name for name in decode_names(names)]


def _with_left_out(found: Plan, zipped: PhotoArchive) -> Plan:
    photos = replace(
        found.photos,
        left_out=(*found.photos.left_out, *zipped.left_out),
        system_files=found.photos.system_files + zipped.system_files,
    )
    return replace(found, photos=photos)


def wrong_fields(row: ProductRow) -> list[tuple[str, str]]:
    """The errors that the bulk call would find in a row, except in its address."""
    given = {"category": "-", **row.as_product(), "raw_image": row.raw_image or ANY_PICTURE}
    try:
        check(NewProductIn, given)
    except InvalidRequest as refused:
        return [(error.pointer.removeprefix("/"), error.detail) for error in refused.errors]
    return []
