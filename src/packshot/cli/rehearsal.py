"""Checks rows by the API's rules without a server, as far as that is possible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from packshot.cli.rows import UPLOADED, Row, unreadable
from packshot.download.addresses import check_url
from packshot.errors import FetchError, PictureError
from packshot.pictures import imaging
from packshot.web.api.schemas import NewProductIn
from packshot.web.requests.reading import check
from packshot.web.requests.refusals import InvalidRequest


def check_offline(row: Row) -> Row:
    """The row with every error that the API's rules find: `column: what is wrong`."""
    found = [*row.errors, *_field_faults(row), *_picture_faults(row)]
    return replace(row, errors=list(dict.fromkeys(found)))


def _field_faults(row: Row) -> Iterator[str]:
    fields = row.fields if row.photo is None else row.fields | {"raw_image": UPLOADED}
    try:
        check(NewProductIn, fields)
    except InvalidRequest as refused:
        for fault in refused.faults:
            yield f"{fault.pointer.removeprefix('/')}: {fault.detail}"


def _picture_faults(row: Row) -> Iterator[str]:
    """Check the photo's bytes and size, or the form of its address. Decodes and fetches nothing."""
    raw_image = row.fields.get("raw_image", "")
    try:
        if row.photo is not None:
            imaging.read_header(row.photo.read_bytes())
        elif raw_image and not raw_image.startswith(("s3://", UPLOADED)):
            check_url(raw_image)
    except (FetchError, PictureError) as error:
        yield f"raw_image: {error.message}"
    except OSError as error:
        yield unreadable(Path(error.filename), error)
