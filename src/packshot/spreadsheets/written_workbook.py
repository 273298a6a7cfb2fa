"""Rows -> the pieces of a .xlsx workbook, which every Excel opens alike: a CSV's commas, points and
long numbers it reads by its country's rules (39.9 becomes a date, an EAN 4,00638E+12)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final
from xml.sax.saxutils import escape

from zipstream import ZIP_DEFLATED, ZipStream

#: A text stays a text, a Decimal is an amount of money, an int as it is; None is an empty cell.
Cell = str | Decimal | int | None

#: The rows of a sheet without the header (support.microsoft.com, "Excel specifications and limits")
MOST_ROWS: Final = 1_048_575
_OFFICE: Final = "http://schemas.openxmlformats.org"
_SHEET: Final = f"{_OFFICE}/spreadsheetml/2006/main"
_RELATIONS: Final = f"{_OFFICE}/officeDocument/2006/relationships"
_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
#: What XML can't contain, and what Excel would read as such an escape (ECMA-376, ST_Xstring).
_ESCAPED: Final = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
#: Cell formats by their place in the styles: text, an amount, a name of a column.
_TEXT, _AMOUNT, _NAME = 1, 2, 3
_PIECE: Final = 65_536

_PARTS: Final = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_OFFICE}/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        "</Types>"
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_OFFICE}/package/2006/relationships"><Relationship Id="rId1"'
        f' Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_SHEET}" xmlns:r="{_RELATIONS}"><sheets>'
        '<sheet name="Products" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_OFFICE}/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>'
    ),
    "xl/styles.xml": (
        f'<styleSheet xmlns="{_SHEET}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/>'
        '</font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill>'
        '<patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
        '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="4"><xf/><xf numFmtId="49" applyNumberFormat="1"/><xf numFmtId="2"'
        ' applyNumberFormat="1"/><xf numFmtId="49" fontId="1" applyFont="1"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
        "</styleSheet>"
    ),
}


def workbook_pieces(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """The bytes of a workbook with one sheet, a few rows in memory at a time; at most MOST_ROWS."""
    archive = ZipStream(compress_type=ZIP_DEFLATED)
    for path, xml in _PARTS.items():
        archive.add(_HEAD + xml, path)
    archive.add(_in_pieces(_sheet(names, rows)), "xl/worksheets/sheet1.xml")
    yield from archive.finalize()


def _sheet(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    yield (
        f'{_HEAD}<worksheet xmlns="{_SHEET}"><sheetViews><sheetView workbookViewId="0"><pane'
        ' ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
        f'</sheetViews><cols><col min="1" max="{max(1, len(names))}" width="18" customWidth="1"/>'
        "</cols><sheetData>"
    )
    yield _row(_text(name, _NAME) for name in names)
    for row in rows:
        yield _row(map(_cell, row))
    yield (
        '</sheetData><ignoredErrors><ignoredError sqref="A1:XFD1048576" numberStoredAsText="1"/>'
        "</ignoredErrors></worksheet>"
    )


def _row(cells: Iterable[str]) -> str:
    return f"<row>{''.join(cells)}</row>"


def _cell(value: Cell) -> str:
    if value is None or value == "":
        return f'<c s="{_TEXT}"/>'
    if isinstance(value, Decimal):
        return f'<c s="{_AMOUNT}"><v>{value:f}</v></c>'
    if isinstance(value, int):
        return f"<c><v>{value}</v></c>"
    return _text(value, _TEXT)


def _text(value: str, style: int) -> str:
    safe = escape(_ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", value))
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{safe}</t></is></c>'


def _in_pieces(texts: Iterable[str]) -> Iterator[bytes]:
    """In pieces worth compressing: a row alone is small."""
    waiting, length = [], 0
    for text in texts:
        waiting.append(text)
        length += len(text)
        if length >= _PIECE:
            yield "".join(waiting).encode()
            waiting, length = [], 0
    yield "".join(waiting).encode()
