"""What to upload: photos, folders and CSV files, read into rows that can be checked."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from packshot.pictures.kinds import sniff

PHOTO_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"),
    *(".heic", ".heif", ".avif", ".tif", ".tiff"),
)
SNIFFED_BYTES = 65_536
REQUIRED = ("category", "raw_image", "mrp", "price")
OPTIONAL = ("discount", "gst")
#: What an upload answers; anything else that begins with a slash is a file of this machine.
UPLOADED = "/media/uploads/"


@dataclass(frozen=True)
class Row:
    """One product to create: where it came from, its fields, and its photo when that is a file."""

    source: str
    fields: dict[str, Any]
    photo: Path | None
    errors: list[str] = field(default_factory=list)


def read_rows(paths: Sequence[Path], defaults: dict[str, Any]) -> list[Row]:
    """Rows from photos, folders of photos and CSV files, in the order given.

    Raises ClickException for a folder without photos and a file that is no CSV of products.
    """
    return [row for path in paths for row in _rows_of(path, defaults)]


def _rows_of(path: Path, defaults: dict[str, Any]) -> list[Row]:
    if path.suffix.lower() == ".csv" and not path.is_dir():
        rows, wanted = list(_csv_rows(path)), "rows"
    else:
        rows = [Row(str(photo), dict(defaults), photo) for photo in _photos_of(path)]
        wanted = f"photos ({', '.join(PHOTO_ENDINGS)})"
    if not rows:
        raise click.ClickException(f"there are no {wanted} in {path}")
    return rows


def _photos_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(filter(_is_photo, path.iterdir()))


def _is_photo(path: Path) -> bool:
    """By its ending, or by its content: browsers and phones save some without an ending."""
    if path.suffix.lower() in PHOTO_ENDINGS:
        return True
    try:
        with path.open("rb") as file:
            return sniff(file.read(SNIFFED_BYTES)) is not None
    except OSError:
        return False


def _csv_rows(path: Path) -> Iterator[Row]:
    text = _text_of(path)
    header = text.partition("\n")[0]
    # Excel writes semicolons where the comma is the decimal sign, and tabs in "Unicode Text".
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    _check_header(path, reader.fieldnames)
    try:
        for cells in reader:
            given = {name: (cells[name] or "").strip() for name in reader.fieldnames if name}
            if any(given.values()):
                errors = ["has more cells than the header"] if None in cells else []
                yield _csv_row(f"{path.name} line {reader.line_num}", path.parent, given, errors)
    except csv.Error as error:
        raise click.ClickException(f"{path.name} line {reader.line_num}: {error}") from None


def _text_of(path: Path) -> str:
    data = path.read_bytes()
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise click.ClickException(
            f"{path.name} is not in UTF-8: save it as CSV UTF-8 (in Excel: Save As, CSV UTF-8)"
        )
    return text


def _check_header(path: Path, names: Sequence[str]) -> None:
    faults = [f"the column {name} is missing" for name in REQUIRED if name not in names]
    unknown = [name for name in names if name and name not in (*REQUIRED, *OPTIONAL)]
    faults += [f"the column {name!r} is unknown" for name in unknown]
    if faults:
        columns = f"{', '.join(REQUIRED)}, and if you like {', '.join(OPTIONAL)}"
        raise click.ClickException(f"{path.name}: {'; '.join(faults)}. A CSV has {columns}.")


def _csv_row(source: str, folder: Path, given: dict[str, str], errors: list[str]) -> Row:
    errors = errors + [f"{name}: is required" for name in REQUIRED if not given[name]]
    fields = {name: value for name, value in given.items() if value}
    raw_image = fields.get("raw_image", "")
    if not raw_image or "://" in raw_image or raw_image.startswith(UPLOADED):
        return Row(source, fields, None, errors)
    return Row(source, fields, folder / raw_image, errors)


def unreadable(photo: Path, error: OSError) -> str:
    return f"raw_image: can't read {photo}: {error.strerror}"
