"""A spreadsheet's bytes -> a table; the content decides which kind of file it is."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.files.csv_text import (
    DELIMITER_NAMES,
    find_delimiter,
    find_quotes,
    read_records,
    split_hint,
    with_usual_quotes,
    without_backslashes,
    without_outer_quotes,
)
from packshot.spreadsheets.files.product_feed import is_product_feed, read_product_feed
from packshot.spreadsheets.files.text import decode, one_newline
from packshot.spreadsheets.files.zip_limits import open_zip
from packshot.spreadsheets.header import SEARCHED_ROWS, count_recognised
from packshot.spreadsheets.table import (
    SheetLimits,
    SheetProblem,
    Table,
    drop_empty,
    invisible_note,
    without_invisible,
)

_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: Endings of files that should not be text; shops export texts under such names as well.
_WORKBOOKS: Final = (".xlsx", ".xlsm", ".xlsb", ".ods", ".numbers")
_SAVE_AS: Final = "save it as .xlsx or CSV UTF-8"
#: How files that people take for spreadsheets begin, and what they are.
_OTHERS: Final = (
    (b"%PDF", "is a PDF"),
    (b"{\\rtf", "is a text document"),
    (b"\xff\xd8\xff", "is a picture"),
    (b"\x89PNG", "is a picture"),
    (b"GIF8", "is a picture"),
    (b"\x1f\x8b", "is packed with gzip: unpack it first"),
    (b"ID;P", "is a SYLK file"),
)
_TEXTS: Final = (
    ("<html", "is a web page, as some shops export under the name .xls"),
    ("<!doctype html", "is a web page"),
    ("<table", "is a web page, as some shops export under the name .xls"),
    ("<?xml", "is an XML file"),
    ("<", "is an XML file or a web page"),
    ("{", "is JSON"),
    ("[{", "is JSON"),
)
#: No text has them: a file of random bytes may begin with "<" by chance.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_ZIP_KINDS: Final[tuple[tuple[Callable[[str], bool], str], ...]] = (
    (lambda name: name == "xl/workbook.bin", "is a binary workbook (.xlsb)"),
    (lambda name: name.startswith("Index/") or name == "Index.zip", "is an Apple Numbers file"),
    (lambda name: name == "content.xml", "is an OpenDocument file, but no spreadsheet"),
    (lambda name: name.startswith("word/"), "is a text document"),
)
_ACCENTED: Final = re.compile(r"[^\W\x00-\x7f]\w{0,20}|\w{1,20}[^\x00-\x7f]\w{0,20}")
#: How UTF-8 reads that was taken for Windows-1252 once: Ã© for é, â€œ for a quotation mark.
_ENCODED_TWICE: Final = re.compile(r"(?:Ã[\xa1-\xbfŸ]|Â[\xa1-\xbf]|â€[™œ“¦])\w{0,20}")
_WORD_BEGINS: Final = re.compile(r"\w*\Z")
_ENTRIES: Final = 5_000
#: Endings of names that say "spreadsheet", also of those that are refused.
SHEET_ENDINGS: Final = (
    ".csv",
    ".tsv",
    ".tab",
    ".xlsx",
    ".xlsm",
    ".xls",
    ".xlsb",
    ".ods",
    ".numbers",
)
#: The lines that show whether a text is a table, and bytes that hold them.
_TABLE_LINES: Final = 3
TABLE_BYTES: Final = 65_536


def read_table(data: bytes, filename: str, limits: SheetLimits | None = None) -> Table:
    """The rows of a CSV, TSV, .xlsx or .ods file, or of a product feed in XML, that are not empty.

    `filename` only settles what the content leaves open (tabs for .tsv). Raises SpreadsheetError
    for another kind of file, one that is damaged, and one beyond the limits.
    """
    limits = limits or SheetLimits()
    if not data.strip():
        raise SpreadsheetError("the file is empty")
    if len(data) > limits.bytes:
        raise SpreadsheetError(f"the file is larger than {limits.bytes:,} bytes: split it")
    if data.startswith(_ZIP):
        return _read_zip(data, limits)
    if is_product_feed(data):
        return read_product_feed(data, limits)
    _refuse_others(data)
    if filename.lower().endswith(_WORKBOOKS):
        return _read_misnamed(data, filename, limits)
    return _read_csv(data, filename, limits)


def _read_misnamed(data: bytes, filename: str, limits: SheetLimits) -> Table:
    """A text with a workbook's name, if it is a table: one of a single column names that."""
    beginning = data[:TABLE_BYTES]
    if _is_text(_decode(beginning)):
        table = _read_csv(data, filename, limits)
        rows = table.records[:SEARCHED_ROWS]
        if is_text_table(beginning) or any(count_recognised(row.cells) for row in rows):
            return table
    raise SpreadsheetError(f"the file is not an Excel file, whatever its name says: {_SAVE_AS}")


def is_text_table(beginning: bytes) -> bool:
    """Whether a `.txt` is a table, as marketplaces export them: its first lines have as many tabs
    each, or as many semicolons or commas; or whether it is a product feed, as is an `.xml`.
    `beginning` may end within a line."""
    if is_product_feed(beginning):
        return True
    text = _decode(beginning)
    if not _is_text(text):
        return False
    lines = [line for line in text.splitlines()[:_TABLE_LINES] if line.strip()]
    if len(lines) < 2:
        return False
    for delimiter, fewest in (("\t", 1), (";", 2), (",", 2)):
        counts = {line.count(delimiter) for line in lines}
        if min(counts) >= fewest and (delimiter == "\t" or len(counts) == 1):
            return True
    return False


def _decode(beginning: bytes) -> str:
    """In UTF-16 if it is marked as such; else one character for each byte."""
    encoding = "utf-16" if beginning[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
    return beginning.decode(encoding, "ignore").lstrip("\ufeff")


def _is_text(beginning: str) -> bool:
    return not _CONTROLS.search(beginning)


def _read_zip(data: bytes, limits: SheetLimits) -> Table:
    from packshot.spreadsheets.files.open_document import is_open_document, read_open_document
    from packshot.spreadsheets.files.workbook import read_workbook

    archive = open_zip(io.BytesIO(data), _ENTRIES)
    names = archive.namelist()
    if is_open_document(archive, limits):
        return read_open_document(archive, limits)
    for is_kind, what in _ZIP_KINDS:
        if any(map(is_kind, names)):
            raise SpreadsheetError(f"the file {what}: {_SAVE_AS}")
    if "xl/workbook.xml" not in names:
        raise SpreadsheetError("the file is a ZIP, not a spreadsheet: give the spreadsheet in it")
    return read_workbook(data, archive, limits)


def _refuse_others(data: bytes) -> None:
    if data.startswith(_OLE):
        locked = "EncryptedPackage".encode("utf-16-le") in data
        what = "is protected with a password: remove it and" if locked else "is an old .xls file:"
        raise SpreadsheetError(f"the file {what} {_SAVE_AS}")
    for beginning, what in _OTHERS:
        if data.startswith(beginning):
            raise SpreadsheetError(f"the file {what}, not a spreadsheet that can be read")
    start = data[:200].removeprefix(b"\xef\xbb\xbf").lstrip().lower().decode("latin-1")
    for words, what in () if _CONTROLS.search(start) else _TEXTS:
        if start.startswith(words):
            raise SpreadsheetError(f"the file {what}: {_SAVE_AS}")


def _read_csv(data: bytes, filename: str, limits: SheetLimits) -> Table:
    text, encoding = decode(data)
    text, invisible = without_invisible(one_newline(text))
    text = without_backslashes(without_outer_quotes(text))
    hint, text = split_hint(text)
    quotes = find_quotes(text)
    text = with_usual_quotes(text, quotes) if quotes else text
    preferred = "\t" if filename.lower().endswith((".tsv", ".tab")) else ","
    delimiter = find_delimiter(text, preferred, hint)
    records = drop_empty(read_records(text, delimiter, limits, quotes))
    notes = [*invisible_note(invisible), *_doubts(text, encoding)]
    between = DELIMITER_NAMES.get(delimiter, repr(delimiter))
    return Table(records, f"CSV, {encoding}, {between}", tuple(notes))


def _doubts(text: str, encoding: str) -> list[SheetProblem]:
    """Notes on what a person should check, because a program can't be sure."""
    doubts = []
    if not encoding.startswith("UTF"):
        words, signs = _ACCENTED.findall(text), re.findall(r"[^\x00-\x7f]", text)
        shown = ", ".join(list(dict.fromkeys(words or signs))[:3])
        which = f"{'accents' if words else 'signs'} ({shown})"
        detail = f"the file is not in UTF-8 and was read as {encoding}: check its {which}"
        doubts.append(SheetProblem(None, None, detail, "note"))
    if twice := _ENCODED_TWICE.search(text):
        begins = _WORD_BEGINS.search(text[max(0, twice.start() - 20) : twice.start()])
        shown = f"{begins[0] if begins else ''}{twice[0]}"
        detail = (
            f"the file holds {shown}: its texts were once saved in a wrong encoding; export them"
            " again from the program they come from"
        )
        doubts.append(SheetProblem(None, None, detail, "note"))
    if "\ufffd" in text:
        detail = "the file holds \ufffd: characters were lost when it was written"
        doubts.append(SheetProblem(None, None, detail, "note"))
    return doubts
