"""What to upload: photos, folders and CSV files, read into rows that can be checked."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PHOTO_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
REQUIRED = ("category", "raw_image", "mrp", "price")
OPTIONAL = ("discount", "gst")


@dataclass(frozen=True)
class Row:
    """One product to create: where it came from, its fields, and its photo when that is a file."""

    source: str
    fields: dict[str, Any]
    photo: Path | None
    errors: list[str] = field(default_factory=list)


def read_rows(paths: Sequence[Path], defaults: dict[str, Any]) -> list[Row]:
    """Rows from photos, folders of photos and CSV files, in the order given."""
    return [row for path in paths for row in _rows_of(path, defaults)]


def _rows_of(path: Path, defaults: dict[str, Any]) -> Iterator[Row]:
    if path.is_dir():
        for photo in sorted(path.iterdir()):
            if photo.suffix.lower() in PHOTO_ENDINGS:
                yield Row(str(photo), dict(defaults), photo)
    elif path.suffix.lower() == ".csv":
        yield from _csv_rows(path)
    else:
        yield Row(str(path), dict(defaults), path)


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines)
        unknown = set(reader.fieldnames or ()) - {*REQUIRED, *OPTIONAL}
        for row in reader:
            given = {name: (value or "").strip() for name, value in row.items() if name}
            yield _csv_row(f"{path.name} line {reader.line_num}", path.parent, given, unknown)


def _csv_row(source: str, folder: Path, given: dict[str, str], unknown: set[str]) -> Row:
    errors = [f"{name} is missing" for name in REQUIRED if not given.get(name)]
    errors += [f"unknown column {name!r}" for name in sorted(unknown)]
    fields = {name: given[name] for name in (*REQUIRED, *OPTIONAL) if given.get(name)}
    raw_image = fields.get("raw_image", "")
    if not raw_image or "://" in raw_image or raw_image.startswith("/media/"):
        return Row(source, fields, None, errors)
    photo = folder / raw_image
    errors += [] if photo.is_file() else [f"there is no file {photo}"]
    return Row(source, fields, photo, errors)
