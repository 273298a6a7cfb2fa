"""Excel workbooks: what a person sees in the sheet is what is read, within limits."""

from __future__ import annotations

import io
import re
import struct
import time
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet
from support.cpu import slowness

from packshot.errors import SpreadsheetError
from packshot.spreadsheets import Import, ImportChoices, SheetLimits, read_products, read_table
from packshot.spreadsheets.files.workbook import read_workbook

HEADER = ("sku", "category", "image", "price")


def workbook(*rows: tuple[Any, ...], change: Callable[[Worksheet], None] | None = None) -> bytes:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in rows:
        sheet.append(row)
    if change:
        change(sheet)
    return saved(book)


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def edited(data: bytes, name: str, edit: Callable[[str], str]) -> bytes:
    """The workbook with one part of it changed, as other programs write it."""
    source, file = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.namelist():
            text = source.read(part)
            target.writestr(part, edit(text.decode()) if part == name else text)
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def imported(data: bytes, **choices: Any) -> Import:
    return read_products(read_table(data, "products.xlsx"), ImportChoices(**choices))


def reported(found: Import, *levels: str) -> list[tuple[int | None, str | None, str]]:
    wanted = levels or ("error", "question")
    return [(one.row, one.column, one.detail) for one in found.problems if one.level in wanted]


def first_cells(*values: Any, change: Callable[[Worksheet], None] | None = None) -> list[str]:
    rows = [("sku",), *((value,) for value in values)]
    table = read_table(workbook(*rows, change=change), "a.xlsx")
    return [record.cells[0] for record in table.records[1:]]


def test_values_are_read_as_they_are_seen() -> None:
    values = (1042.0, "00123", 9.99, 0.1 + 0.2, 8901234567890, True, date(2026, 11, 28), " x ")
    assert first_cells(*values) == [
        *("1042", "00123", "9.99", "0.3", "8901234567890", "TRUE", "2026-11-28", "x"),
    ]
    assert first_cells(datetime(2026, 11, 28, 9, 30)) == ["2026-11-28 09:30:00"]


def test_line_breaks_as_workbooks_escape_them() -> None:
    data = edited(
        workbook(("sku",), ("red",)), SHEET, lambda text: text.replace("red", "a_x000D_\nb")
    )
    assert read_table(data, "a.xlsx").records[1].cells == ("a\nb",)


def test_a_strict_workbook_is_named() -> None:
    plain, strict = (
        f"http://{host}/spreadsheetml"
        for host in ("schemas.openxmlformats.org", "purl.oclc.org/ooxml")
    )
    change = lambda text: text.replace(f"{plain}/2006/main", f"{strict}/main")  # noqa: E731
    data = edited(workbook(("sku",), ("A",)), "xl/workbook.xml", change)
    with pytest.raises(SpreadsheetError, match="in Excel's strict form: save it as an ordinary"):
        read_table(data, "a.xlsx")


def test_formats_that_change_what_is_read() -> None:
    def change(sheet: Worksheet) -> None:
        sheet["A2"].number_format = "00000"
        sheet["A3"].number_format = "0%"
        sheet["A4"].number_format = "0.0%"
        sheet["A5"].number_format = "#,##0.00"

    assert first_cells(42, 0.18, 0.125, 1299.5, change=change) == [
        "00042",
        "18%",
        "12.5%",
        "1299.5",
    ]


@pytest.mark.parametrize(
    ("value", "style", "sku"),
    [
        (42, '"ART-"0000', "ART-0042"),
        (7, '"SKU"\\-000', "SKU-007"),
        (1234567, "000-0000", "123-4567"),
        (12345, "###-###", "12-345"),
        (42, '"A"#', "A42"),
        (0, "000", "000"),
        (1.1, "0.00", "1.10"),
        (42, '_-000_-;"-"000', "042"),
        (123456789012345, '"SKU-"0', "SKU-123456789012345"),
        (1042, "0.00", "1042"),
        (1.234, "0.00", "1.234"),
        (1299, "#,##0", "1299"),
        (1299, "[Red]0", "1299"),
        (42, "@", "42"),
    ],
)
def test_a_sku_is_what_the_program_shows(value: float, style: str, sku: str) -> None:
    def change(sheet: Worksheet) -> None:
        sheet["A2"].number_format = style
        sheet["D2"].number_format = '0.00" EUR"'
        sheet.merge_cells("A2:A3")

    rows = [(value, "Cups", "a.jpg", 12.5), (None, "Cups", "b.jpg", 12.5)]
    found = imported(workbook(HEADER, *rows, change=change))
    assert [(row.sku, str(row.price)) for row in found.rows] == [(sku, "12.5")] * 2
    assert reported(found) == []


def test_a_number_needs_no_convention_and_a_text_beside_it_does() -> None:
    rows = [
        ("A", "Cups", "a.jpg", 1.299),
        ("B", "Cups", "b.jpg", 12),
        ("C", "Cups", "c.jpg", "1,5"),
    ]
    found = imported(workbook(HEADER, *rows))
    assert [str(row.price) for row in found.rows] == ["1.299", "12", "1.5"]
    assert reported(found) == [(2, "price", "must have at most two decimals, not 1.299")]


def test_a_calculated_price_is_rounded_to_cents_unless_more_decimals_are_shown() -> None:
    styles = ["0.00", '#,##0.00 "€"', "[$₹-4009] #,##0.00", "0", "General", "0.000"]

    def change(sheet: Worksheet) -> None:
        for row, style in enumerate(styles, start=2):
            sheet.cell(row, 4).number_format = style

    rows = [(f"A{row}", "Cups", "a.jpg", 12.345) for row in range(len(styles))]
    found = imported(workbook(HEADER, *rows, change=change))
    assert [str(row.price) for row in found.rows[:4]] == ["12.35"] * 4
    [up] = imported(workbook(HEADER, ("A", "Cups", "a.jpg", 9.999), change=change)).rows
    assert str(up.price) == "10.00"
    detail = "must have at most two decimals, not 12.345"
    assert reported(found) == [(6, "price", detail), (7, "price", detail)]


def test_percentages() -> None:
    def change(sheet: Worksheet) -> None:
        sheet["C2"].number_format = "0%"

    rows = [("sku", "category", "gst"), ("A", "Cups", 0.18), ("B", "Cups", "5%"), ("C", "Cups", 12)]
    assert [row.gst for row in imported(workbook(*rows, change=change)).rows] == [18, 5, 12]


def test_a_formula_has_its_stored_value() -> None:
    data = workbook(HEADER, ("A", "Cups", "a.jpg", "=2*5"))
    calculated = edited(data, SHEET, lambda text: text.replace("<v></v>", "").replace("<v />", ""))
    calculated = edited(calculated, SHEET, lambda text: text.replace("</f>", "</f><v>10</v>"))
    assert [row.price for row in imported(calculated).rows] == [10]
    found = imported(data)
    ((row, column, detail),) = reported(found)
    assert (row, column, found.rows[0].ready) == (2, "price", False)
    assert detail.startswith("is a formula without a stored value")


def test_errors_of_formulas() -> None:
    found = imported(
        workbook(HEADER, ("A", "Cups", "a.jpg", "#N/A"), ("#REF!", "Cups", "b.jpg", 1))
    )
    assert [(row, column) for row, column, _ in reported(found)] == [(2, "price"), (3, "sku")]


def test_a_picture_that_was_put_into_a_cell() -> None:
    """Excel's "Place in Cell": the cell's value is an error, which programs that know pictures
    don't show."""
    rows = ("sku", "category", "image", "hint"), ("A1", "Cups", "#VALUE!", "#VALUE!")
    data = edited(
        workbook(*rows),
        SHEET,
        lambda sheet: sheet.replace(' t="e"', ' t="e" vm="1"'),
    )
    found = imported(data)
    assert reported(found, "error", "note") == [
        (2, "hint", "contains a picture, which is not read (left out)"),
        (2, "image", "contains the picture itself: give it as a photo"),
    ]
    assert [(row.ready, row.path, dict(row.attributes)) for row in found.rows] == [(True, None, {})]


def test_links_behind_texts() -> None:
    def change(sheet: Worksheet) -> None:
        sheet["C2"].hyperlink = "https://shop.example/a.jpg"
        sheet["C4"].hyperlink = "photos/c%20d.jpg"
        sheet["C5"].hyperlink = "file:///C:/photos/e.jpg"
        sheet["C6"].hyperlink = "mailto:me@shop.example"

    formula = '=HYPERLINK("https://shop.example/b.jpg","photo")'
    rows = [("A", "Cups", "photo", 1), ("B", "Cups", formula, 1)]
    rows += [(sku, "Cups", "photo", 1) for sku in "CDE"]
    found = imported(workbook(HEADER, *rows, change=change))
    assert [row.raw_image or row.path for row in found.rows] == [
        "https://shop.example/a.jpg",
        "https://shop.example/b.jpg",
        "photos/c d.jpg",
        "C:/photos/e.jpg",
        "photo",
    ]


def test_a_sku_that_became_a_date_or_lost_digits() -> None:
    rows = [(date(2026, 3, 1), "Cups", "a.jpg", 1), (12345678901234567, "Cups", "b.jpg", 1)]
    found = imported(workbook(HEADER, *rows))
    assert [(row, column) for row, column, _ in reported(found)] == [(2, "sku"), (3, "sku")]


def test_a_merged_cell_is_the_same_in_each_row() -> None:
    """A number needs no convention in the rows below either, and a date stays one."""

    def merge(sheet: Worksheet) -> None:
        sheet.merge_cells("A4:A5")
        sheet.merge_cells("D2:D3")

    rows: list[tuple[Any, ...]]
    rows = [("A", "Cups", "a.jpg", 1299.5), ("B", "Cups", "b.jpg", None)]
    rows += [(date(2024, 5, 1), "Cups", "c.jpg", "1.299,00"), (None, "Cups", "d.jpg", None)]
    found = imported(workbook(HEADER, *rows, change=merge))
    assert [str(row.price) for row in found.rows[:3]] == ["1299.5", "1299.5", "1299.00"]
    detail = (
        "2024-05-01 is a date that the program made: format the column as text, and enter it again"
    )
    assert reported(found) == [(4, "sku", detail), (5, "sku", detail)]


def test_merged_cells_count_for_each_row() -> None:
    def change(sheet: Worksheet) -> None:
        sheet.merge_cells("A2:A3")
        sheet.merge_cells("B2:B3")
        sheet.merge_cells("B4:B5")
        sheet.merge_cells("D4:E5")
        sheet["A5"] = "C"

    rows: list[tuple[Any, ...]] = [("A", "Cups", "a.jpg", 1), (None, None, "b.jpg", 1)]
    rows += [("B", "Hats", "c.jpg", 2), (None, None, "d.jpg", None)]
    found = imported(workbook(HEADER, *rows, change=change))
    read: list[Any] = [(row.sku, row.category, row.path, row.price) for row in found.rows]
    assert read == [
        ("A", "Cups", "a.jpg", 1),
        ("A", "Cups", "b.jpg", 1),
        ("B", "Hats", "c.jpg", 2),
        ("C", "Hats", "d.jpg", 2),
    ]
    note = (None, None, "cells merged over several rows count for each of these rows")
    assert reported(found, "note") == [note]


def test_the_sheet_with_the_products_is_found() -> None:
    book = Workbook()
    notes = book.active
    assert isinstance(notes, Worksheet)
    notes.title = "Instructions"
    notes.append(("How to fill in this template",))
    sheet = book.create_sheet("Template")
    for row in (("Our shop",), (), HEADER, (), ("A", "Cups", "a.jpg", 1)):
        sheet.append(row)
    book.create_sheet("Lookup").append(("name", "brand", *HEADER))
    hidden = book.create_sheet("Hidden")
    hidden.append(HEADER)
    hidden.sheet_state = "hidden"
    found = imported(saved(book))
    assert found.form == "Excel workbook, sheet 'Template'"
    assert [row.row for row in found.rows] == [5]
    assert reported(found, "note") == [
        (None, None, "other sheets were not read: 'Instructions', 'Lookup', 'Hidden (hidden)'"),
        (3 - 2, None, "is above the names of the columns and is left out: Our shop"),
    ]


def test_another_sheet_with_products_is_noted() -> None:
    book = Workbook()
    for sheet in (book.active, book.create_sheet("Hats")):
        assert isinstance(sheet, Worksheet)
        sheet.append(HEADER)
        sheet.append((sheet.title, "Cups", "a.jpg", 1))
    assert reported(imported(saved(book)), "note") == [
        (None, None, "other sheets were not read: 'Hats'"),
        (None, None, "sheets with the same columns may have products, too: save 'Hats' as files"),
    ]


def test_pictures_inside_the_workbook_are_named() -> None:
    file = io.BytesIO(workbook(HEADER, ("A", "Cups", "a.jpg", 1)))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/media/image1.png", b"picture")
    found = imported(file.getvalue())
    note = "1 picture inside the workbook was not read: give it as a file"
    assert reported(found, "note") == [(None, None, note)]


def test_the_same_rows_as_a_csv() -> None:
    rows = [
        ("A-1", "Cups", "https://shop.example/a.jpg", "1.299,50"),
        ("B", "Hats", "b.jpg", "7,25"),
    ]
    csv = "\n".join(";".join(row) for row in (HEADER, *rows))
    from_csv = read_products(read_table(csv.encode(), "a.csv"))
    assert imported(workbook(HEADER, *rows)).rows == from_csv.rows


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("xl/workbook.bin", "binary workbook"),
        ("Index/Document.iwa", "Apple Numbers"),
        ("content.xml", "OpenDocument file, but no spreadsheet"),
        ("word/document.xml", "text document"),
        ("photo.jpg", "is a ZIP, not a spreadsheet"),
    ],
)
def test_other_files_in_a_zip(name: str, message: str) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"")
    with pytest.raises(SpreadsheetError, match=message):
        read_table(file.getvalue(), "a.xlsx")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "<worksheet",
        lambda text: text.replace('r="2"', 'r="x"'),
        lambda text: re.sub("inlineStr.*?</c>", 's"><v>9999</v></c>', text),
        lambda text: '<!DOCTYPE a [<!ENTITY b "c">]>' + text.replace("<v>", "<v>&b;"),
    ],
)
def test_a_damaged_workbook_is_refused_in_words(damage: Callable[[str], str]) -> None:
    data = edited(workbook(HEADER, ("A", "Cups", "a.jpg", 1)), SHEET, damage)
    with pytest.raises(SpreadsheetError, match=r"damaged|no visible sheet"):
        read_table(data, "a.xlsx")


class Unreadable(zipfile.ZipFile):
    def read(self, name: str | zipfile.ZipInfo, pwd: bytes | None = None) -> bytes:
        raise MemoryError


def test_a_lack_of_memory_is_no_damage() -> None:
    data = workbook(HEADER, ("A", "Cups", "a.jpg", 1))
    with pytest.raises(MemoryError):
        read_workbook(data, Unreadable(io.BytesIO(data)), SheetLimits())


def bomb(part: str, size: int) -> bytes:
    file = io.BytesIO(workbook(HEADER, ("A", "Cups", "a.jpg", 1)))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(part, b" " * size)
    return file.getvalue()


@pytest.mark.parametrize("part", ["xl/worksheets/sheet2.xml", "xl/media/image1.png"])
def test_a_bomb_is_refused_before_it_is_unpacked(part: str) -> None:
    data = bomb(part, 60_000_000)
    assert len(data) < 100_000
    start = time.process_time()
    with pytest.raises(SpreadsheetError, match="unpacks to more than"):
        read_table(data, "a.xlsx")
    assert time.process_time() - start < 0.5 * slowness()


def test_a_zip_that_states_a_huge_directory_is_refused() -> None:
    data = bytearray(workbook(HEADER))
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<L", 2**31)
    with pytest.raises(SpreadsheetError, match="holds more than"):
        read_table(bytes(data), "a.xlsx")


@pytest.mark.parametrize("reference", ["XFD2", "ZZ2"])
def test_a_cell_far_to_the_right_is_refused(reference: str) -> None:
    def change(sheet: Worksheet) -> None:
        sheet[reference] = "x"

    with pytest.raises(SpreadsheetError, match=f"column {reference[:-1]}; at most 500 columns"):
        read_table(workbook(HEADER, change=change), "a.xlsx")


def test_a_cell_far_below_costs_little() -> None:
    def change(sheet: Worksheet) -> None:
        sheet["A1048576"] = "Z"
        sheet["B1048576"] = "Cups"

    start = time.process_time()
    found = imported(workbook(HEADER, ("A", "Cups", "a.jpg", 1), change=change))
    assert [row.row for row in found.rows] == [2, 1_048_576]
    assert time.process_time() - start < 3 * slowness()


@pytest.mark.parametrize(
    "sheet",
    [
        "<sheetData>" + "<row/>" * 1_500_001 + "</sheetData>",
        "<sheetData><row>" + "<c/>" * 1_500_001 + "</row></sheetData>",
        "<sheetData></sheetData>" + '<mergeCell ref="A1:A9"/>' * 60_000,
    ],
)
def test_what_would_take_long_to_parse_is_refused_at_once(sheet: str) -> None:
    data = edited(workbook(HEADER), SHEET, lambda _: f"<worksheet>{sheet}</worksheet>")
    start = time.process_time()
    with pytest.raises(SpreadsheetError, match=r"rows or .* cells"):
        read_table(data, "a.xlsx")
    assert time.process_time() - start < 1 * slowness()


def test_too_many_rows() -> None:
    data = workbook(HEADER, *[("A", "Cups", "a.jpg", 1)] * 30)
    with pytest.raises(SpreadsheetError, match="more than 20 rows"):
        read_table(data, "a.xlsx", SheetLimits(rows=20))


def test_hidden_sheets_and_columns_are_named_and_hidden_rows_counted() -> None:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in (HEADER, ("A", "Cups", "https://x.example/a.jpg", 1), ("B", "Cups", "b.jpg", 2)):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["B"].hidden = sheet.column_dimensions["X"].hidden = True
    other = book.create_sheet("Old")
    other.append(("sku", "price"))
    other.sheet_state = "hidden"
    found = read_products(read_table(saved(book), "a.xlsx"), ImportChoices())
    assert [row.sku for row in found.rows] == ["A", "B"]
    notes = [problem.detail for problem in found.problems]
    assert "other sheets were not read: 'Old (hidden)'" in notes
    assert "1 hidden row is read like the others" in notes
    assert f"1 hidden column is read like the others: {HEADER[1]}" in notes


ODS_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "style")
)
COLUMNS = "number-columns-repeated"
ODS_MIME = "application/vnd.oasis.opendocument.spreadsheet"


def ods(*tables: str, mimetype: str = ODS_MIME, manifest: str = "", doctype: str = "") -> bytes:
    styles = '<style:style style:name="gone"><style:table-properties table:display="false"/>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", mimetype)
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr(
            "content.xml",
            f"{doctype}<office:document-content {ODS_NAMES}>{styles}</style:style><office:body>"
            f"<office:spreadsheet>{''.join(tables)}</office:spreadsheet></office:body>"
            "</office:document-content>",
        )
    return file.getvalue()


def ods_table(*rows: str, name: str = "Products", style: str = "") -> str:
    row = "".join(each if each.startswith("<") else ods_row(*each.split("|")) for each in rows)
    return f'<table:table table:name="{name}" table:style-name="{style}">{row}</table:table>'


def ods_cell(text: str, more: str = "") -> str:
    return f"<table:table-cell {more}><text:p>{text}</text:p></table:table-cell>"


def ods_row(*cells: str, more: str = "") -> str:
    all_cells = "".join(one if one.startswith("<") else ods_cell(one) for one in cells)
    return f"<table:table-row {more}>{all_cells}</table:table-row>"


def ods_number(value: str, shown: str, kind: str = "float") -> str:
    return ods_cell(shown, f'office:value-type="{kind}" office:value="{value}"')


def locked(data: bytes) -> bytes:
    """The ZIP with the mark of a password on its first file."""
    directory = bytearray(data)
    directory[directory.find(b"PK\x01\x02") + 8] |= 1
    return bytes(directory)


@pytest.mark.parametrize("value", ["1e999999", "1e999999999", "-1e-999999", "nan", "x"])
def test_a_number_beyond_all_bounds_costs_nothing(value: str) -> None:
    table = read_table(ods(ods_table("sku|price", ods_row("A", ods_number(value, "9")))), "a.ods")
    assert len(table.records[1].cells[1]) < 10


def test_an_open_document_is_read_as_a_workbook() -> None:
    comment = "<office:annotation><text:p>ask Ana</text:p></office:annotation>"
    link = '<text:a xlink:href="https://x.example/a.jpg" xmlns:xlink="l">photo</text:a>'
    empty = '<table:table-cell table:number-columns-repeated="16000"/>'
    table = ods_table(
        "sku|category|image|mrp|price|gst",
        '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>',
        ods_row(
            *(ods_number("42", "00042"), f"<table:table-cell>{comment}<text:p>Cups</text:p>"),
            "</table:table-cell>" + ods_cell(link),
            *(ods_number("1299", "1.299,00 €", "currency"), ods_number("11.8881", "11,89")),
            *(ods_number("0.18", "18%", "percentage"), empty),
        ),
        ods_row("A<text:s/>B<text:line-break/>C", "Hats", "b.jpg", "", "#N/A", ""),
    )
    hidden = ods_table("sku|price", "X|1", name="Old", style="gone")
    found = imported(ods(hidden, ods_table("Notes", name="Info"), table))
    [row] = [row for row in found.rows if row.ready]
    assert (row.row, row.sku, row.category, row.raw_image) == (
        *(5, "00042", "Cups", "https://x.example/a.jpg"),
    )
    assert [str(one) for one in (row.mrp, row.price, row.gst)] == ["1299", "11.89", "18"]
    assert found.form == "OpenDocument spreadsheet, sheet 'Products'"
    assert reported(found, "error") == [
        (6, "price", "holds the error #N/A: correct it in the spreadsheet")
    ]
    notes = [detail for _, _, detail in reported(found, "note")]
    assert "other sheets were not read: 'Info', 'Old (hidden)'" in notes


def test_texts_of_an_open_document_as_other_programs_write_them() -> None:
    value = '<table:table-cell office:value-type="string" office:string-value="SKU-1"/>'
    indented = ods_cell("\n    Large\n    <text:span>blue </text:span>  <text:s/>mug\n  ")
    table = read_table(ods(ods_table("sku|name", ods_row(value, indented))), "a.ods")
    assert table.records[1].cells == ("SKU-1", "Large blue   mug")


def test_merged_and_hidden_cells_of_an_open_document() -> None:
    merged = ods_cell("A", 'table:number-rows-spanned="2"')
    table = ods_table(
        '<table:table-column/><table:table-column table:visibility="collapse"/>',
        "sku|category|image",
        ods_row(merged, "Cups", "a.jpg"),
        ods_row("<table:covered-table-cell/>", "Cups", "b.jpg", more='table:visibility="filter"'),
    )
    found = imported(ods(table))
    assert [(row.row, row.sku, row.filename) for row in found.rows] == [
        *((2, "A", "a.jpg"), (3, "A", "b.jpg")),
    ]
    assert [detail for _, _, detail in reported(found, "note")] == [
        "1 hidden column is read like the others: category",
        "1 hidden row is read like the others",
        "cells merged over several rows count for each of these rows",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ods(mimetype="application/vnd.oasis.opendocument.text"), "but no spreadsheet"),
        (ods(manifest="<manifest:encryption-data/>"), "protected with a password"),
        (ods(ods_table()), "no visible sheet"),
        (ods("<table:table>"), "is damaged"),
        (ods(doctype='<!DOCTYPE a [<!ENTITY b "c">]>'), "is damaged"),
        (ods(ods_table("<table:table-row table:number-rows-repeated='x'/>")), "is damaged"),
        (
            ods(ods_table(ods_row("a", more="table:number-rows-repeated='30000'"))),
            "more than 20,000 rows",
        ),
        (
            ods(ods_table(ods_row(ods_cell("a", "table:number-columns-repeated='600'")))),
            "at most 500 columns",
        ),
        (
            ods(ods_table(ods_row(ods_cell("", f"table:{COLUMNS}='{'9' * 4000}'"), "a"))),
            "in column BGQCW; at most 500",
        ),
        (
            ods(ods_table("sku", ods_row("x" * 3000, more="table:number-rows-repeated='15000'"))),
            "more than 40,000,000 characters",
        ),
        (ods(ods_table("sku", "x" * 40_000)), "row 2, column A: the cell has more than 32,767"),
        (
            ods(manifest=" " * 40_000_001),
            "manifest.xml in the file unpacks to more than 40,000,000",
        ),
        (locked(ods(ods_table("sku|name"))), "the file is damaged"),
    ],
)
def test_an_open_document_that_can_not_be_read(data: bytes, message: str) -> None:
    with pytest.raises(SpreadsheetError, match=message):
        read_table(data, "a.ods")
