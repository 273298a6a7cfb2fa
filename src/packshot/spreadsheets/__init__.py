"""A shop's own catalogue: its spreadsheets as products, and its photos by their names.

From bytes and names to facts: nothing here opens a file or a connection. The page, the command and
the API all use it, so one file gives the same rows everywhere:

    table = read_table(data, "products.csv")   # bytes -> rows of texts
    found = read_products(table, choices)      # -> products, mapping, conventions, problems
    photos = match_photos(names, found.rows)   # -> matched, ambiguous, missing, left out
    photos = name_photos(names, defaults)      # the same without a spreadsheet
    archive = PhotoArchive(file)               # the names in a ZIP, and the bytes of each
    plan = plan_import(ImportInput(data, "a.csv", names))  # all of it: what to create, and what not

The API's own rules (price not above mrp, which hosts may be fetched from) are the API's to check.
"""

from packshot.spreadsheets.facts import facts_of
from packshot.spreadsheets.files.reading import (
    SHEET_ENDINGS,
    TABLE_BYTES,
    is_text_table,
    read_table,
)
from packshot.spreadsheets.header import ATTRIBUTE, FIELDS, LEFT_OUT
from packshot.spreadsheets.numbers import EXAMPLES, DecimalSign
from packshot.spreadsheets.photo_files import ENDINGS
from packshot.spreadsheets.photos.archive import ArchiveLimits, PhotoArchive
from packshot.spreadsheets.photos.matching import (
    NO_FIT,
    LeftOut,
    MatchedPhotos,
    match_photos,
    name_photos,
    sort_files,
)
from packshot.spreadsheets.photos.names_alone import possible_skus
from packshot.spreadsheets.picture_cells import path_parts
from packshot.spreadsheets.plan import (
    ImportInput,
    Plan,
    PlannedRow,
    columns_by_field,
    in_columns,
    plan_import,
)
from packshot.spreadsheets.products import NO_SKU_COLUMN, read_products
from packshot.spreadsheets.rows import Import, ImportChoices, ProductRow
from packshot.spreadsheets.table import SheetLimits, SheetProblem

__all__ = [
    "ATTRIBUTE",
    "ENDINGS",
    "EXAMPLES",
    "FIELDS",
    "LEFT_OUT",
    "NO_FIT",
    "NO_SKU_COLUMN",
    "SHEET_ENDINGS",
    "TABLE_BYTES",
    "ArchiveLimits",
    "DecimalSign",
    "Import",
    "ImportChoices",
    "ImportInput",
    "LeftOut",
    "MatchedPhotos",
    "PhotoArchive",
    "Plan",
    "PlannedRow",
    "ProductRow",
    "SheetLimits",
    "SheetProblem",
    "columns_by_field",
    "facts_of",
    "in_columns",
    "is_text_table",
    "match_photos",
    "name_photos",
    "path_parts",
    "plan_import",
    "possible_skus",
    "read_products",
    "read_table",
    "sort_files",
]
