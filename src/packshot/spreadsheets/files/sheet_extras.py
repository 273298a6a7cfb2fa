"""Reads what openpyxl omits when it reads row by row: links, formulas, merged cells."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from packshot.spreadsheets.files.xml_names import local_name

_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_FORMULA_LINK: Final = re.compile(r'(?:_xlfn\.)?(?:HYPERLINK|IMAGE)\(\s*"([^"]*)"', re.IGNORECASE)
_SIGNS: Final = (b"<f", b":f>", b":f ", b"yperlink", b"mergeCell", b" vm=")
_HIDDEN_ROW: Final = re.compile(rb'<(?:\w+:)?row\b[^<>]{0,400}?\bhidden="(?:1|true)"')
_HIDDEN_COLUMNS: Final = re.compile(rb'<(?:\w+:)?col\b[^<>]{0,400}?\bhidden="(?:1|true)"[^<>]*')
_FIRST: Final = re.compile(rb'\bmin="([0-9]{1,5})"')
_LAST: Final = re.compile(rb'\bmax="([0-9]{1,5})"')
#: Targets of links that are neither addresses nor files.
_NO_FILE: Final = re.compile(r"#|(?:mailto|tel|javascript):", re.IGNORECASE)
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

Coordinates = tuple[int, int]


@dataclass
class SheetExtras:
    """The extras by row (from 1) and column (from 0)."""

    #: Where a click on the cell leads, or the address in its HYPERLINK or IMAGE formula.
    links: dict[Coordinates, str] = field(default_factory=dict)
    #: Cells into which Excel put a picture ("Place in Cell"); their value is an error.
    pictures: set[Coordinates] = field(default_factory=set)
    #: Formulas without a stored value, because no program calculated them.
    uncalculated: dict[Coordinates, str] = field(default_factory=dict)
    #: First column, first and last row of cells merged over several rows.
    merged: list[tuple[int, int, int]] = field(default_factory=list)
    #: Rows that a filter or a person has hidden.
    hidden_rows: int = 0
    #: First and last of columns (from 0) that a person has hidden.
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)


def read_extras(archive: zipfile.ZipFile, path: str) -> SheetExtras:
    """Read the sheet's part at `path` a second time, which most sheets don't need."""
    from defusedxml.ElementTree import fromstring, iterparse

    sheet = archive.read(path)
    extras = SheetExtras(
        hidden_rows=len(_HIDDEN_ROW.findall(sheet)), hidden_columns=list(_hidden_columns(sheet))
    )
    if not any(sign in sheet for sign in _SIGNS):
        return extras
    targets: dict[str, str] = {}
    folder, name = posixpath.split(path)
    relations = f"{folder}/_rels/{name}.rels"
    if relations in archive.namelist():
        targets = {
            one.get("Id", ""): one.get("Target", "") for one in fromstring(archive.read(relations))
        }
    with archive.open(path) as part:
        for _, element in iterparse(part, events=("end",)):
            _take(element, extras, targets)
    return extras


def _hidden_columns(sheet: bytes) -> Iterator[tuple[int, int]]:
    """First and last of each range; the ranges stand before the cells."""
    for found in _HIDDEN_COLUMNS.findall(sheet[: max(0, sheet.find(b"sheetData"))]):
        first, last = _FIRST.search(found), _LAST.search(found)
        if first and last:
            yield int(first[1]) - 1, int(last[1]) - 1


def _take(element: Any, extras: SheetExtras, targets: dict[str, str]) -> None:
    tag = local_name(element.tag)
    if tag == "c":
        _take_cell(element, extras)
    elif tag == "row":
        element.clear()
    elif tag == "hyperlink":
        target = targets.get(element.get(_RELATION, ""), "")
        for coordinates in _cells_of(element.get("ref", "")):
            if target and not _NO_FILE.match(target):
                extras.links.setdefault(coordinates, target)
    elif tag == "mergeCell":
        _take_merged(element.get("ref", ""), extras)


def _take_cell(cell: Any, extras: SheetExtras) -> None:
    children = {local_name(child.tag): child for child in cell}
    coordinates = _coordinates_of(cell.get("r", ""))
    if coordinates is None:
        return
    if cell.get("t") == "e" and cell.get("vm"):
        extras.pictures.add(coordinates)
    if "f" not in children:
        return
    formula = children["f"].text or ""
    if match := _FORMULA_LINK.match(formula):
        extras.links[coordinates] = match[1]
    elif not (children["v"].text if "v" in children else "is" in children):
        extras.uncalculated[coordinates] = f"={formula}"


def _take_merged(reference: str, extras: SheetExtras) -> None:
    first, _, last = reference.partition(":")
    start, end = _coordinates_of(first), _coordinates_of(last)
    if start and end and end[0] > start[0]:
        extras.merged.append((start[1], start[0], end[0]))


def _cells_of(reference: str) -> Iterator[Coordinates]:
    """The first cell of a range: links over more cells are links of one picture."""
    if (coordinates := _coordinates_of(reference.partition(":")[0])) is not None:
        yield coordinates


def _coordinates_of(reference: str) -> Coordinates | None:
    match = _REFERENCE.fullmatch(reference.replace("$", ""))
    if not match:
        return None
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match[2]), column - 1
