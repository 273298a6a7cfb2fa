"""Finds the header row, names its columns, and maps each one onto a field of a product."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, zip_longest
from typing import Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.fields import MONEY, PRODUCT_FIELDS, SHARED, split_names
from packshot.spreadsheets.photo_files import ENDINGS, ending_of
from packshot.spreadsheets.table import Record, column_letter, list_first
from packshot.spreadsheets.view_words import VIEW_WORDS, without_accents

#: What a column can be mapped onto: a field of a product, its attributes, or nothing.
ATTRIBUTE: Final = "attribute"
LEFT_OUT: Final = "left_out"
FIELDS: Final = (*PRODUCT_FIELDS, ATTRIBUTE, LEFT_OUT)

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CURRENCY: Final = re.compile(
    r"(?<=\w)(?: in)? (?:rs|inr|rupees|usd|eur|euro|gbp|aed|aud|cad|sgd|chf|pln|zł|sek|dkk|nok|czk"
    r"|руб|грн|тг|kč|ft|lei|tl|円|원|元|incl?|excl?|in"
    r"|(?:incl?|excl?|ex|inkl|exkl|without|with) (?:vat|gst|tax|taxes|mwst|ust|tva|iva|btw|moms))$"
)
_UNITS: Final = re.compile(r"[(\[][^)\]]{0,20}[)\]]\s*$")
_PERCENT: Final = re.compile(
    r"[%٪]|\b(?:percent|percentage|pct|prozent|pour ?cent|pourcentage|por ?ciento|porcentaje"
    r"|per ?cento|percentuale|procent|percentagem)\b"
)
#: Amounts in another unit than one of the currency, or for another number of pieces.
_SCALED: Final = re.compile(
    r"\b(?:cents?|paisa|paise|pence|centimes|c[eé]ntimos|kopecks?|minor units?|lakhs?|lacs?|crores?"
    r"|thousands?|tsd|millions?|mio|000|dozen|dutzend|per [1-9]\d+)\b"
)
#: Prices without tax, which are read as prices only where no other is given.
_NET: Final = re.compile(
    r"\b(?:excl?|exkl|ekskl|escl|ex|eks|without|net|nett?[oó]|netpreis|nettopreis|ohne|hors|ht|sin"
    r"|sem|senza|sans|bez|без|fără|fara|esclusa|zonder|uden|uten|utan|χωρίς|hariç|税抜き?|税別|不含税)\b"
)
#: The language, or the country, of one of several columns: Akeneo's `name-en_US`, `title_en`.
_LANGUAGE: Final = re.compile(
    r"[-_. ](?:[a-z]{2}[-_][A-Z]{2}|(?i:de|en|fr|es|it|nl|pl|pt|cs|sv|da|fi|ru|uk|gb|us|at|ch|be))$"
)
#: `Item #`, `Style#`.
_NUMBER_SIGNS: Final = ("#", "№")
_SIGNS: Final = re.compile(r"[\W_]+")
_NUMBER_OF_PICTURE: Final = re.compile(r"(?<=[^\d ]) ?\d{1,2}(?= |$)")
#: Words beside `image`, `photo` and the like that leave their meaning as it is.
_BESIDE_PICTURES: Final = frozenset(
    split_names(
        """
        url, urls, src, link, links, address, path, raw, hosted, default, main, base, primary,
        featured, product, item, variant, gallery, cover, additional, other, extra, secondary
        """
    )
)
_WORD: Final = re.compile(r"[^\W\d_]+")
#: Words as they are shortened in names of columns: `Prod. Cat.`, `Img Name`.
_IN_FULL: Final = {
    short: word
    for word, *shortened in map(
        str.split,
        (
            "product prod",
            "item itm",
            "category cat categ",
            "subcategory subcat",
            "kategorie kat",
            "department dept",
            "group grp",
            "description desc descr descrip",
            "beschreibung beschr",
            "omschrijving omschr",
            "désignation desig",
            "image img imgs",
            "picture pic pics pict",
            "abbildung abb",
        ),
    )
    for short in shortened
}
#: What such a name also stands for: whether a product is for cats, how many pictures it has.
_MARK: Final = re.compile(
    r"yes|no|y|n|true|false|ja|nein|oui|non|s[ií]|x|[-–✓✔✗☑]|\d\d?", re.IGNORECASE
)
#: The SKU of another product than the row's.
_OTHER_SKU: Final = re.compile(r"\bparent|vater|related|cross|up ?sell|bundle|master|competitor")
LAST_RANK: Final = 1_000
_OF_TEXT: Final = (*SHARED, "name", "category")
#: Of prices without tax.
NET_RANK: Final = 500
_BARE_NUMBER: Final = re.compile(r"[\d.,\s%]+")
_LONGEST_NAME: Final = 60
#: Such a name fits an attribute's (100 characters) even with the number of a repeated name.
_LONGEST_COLUMN: Final = 90
#: The rows in which the header is searched.
SEARCHED_ROWS: Final = 30
#: The most rows of a template between its names for people and those for programs.
_EXPLAINING: Final = 2
#: Letters that Unicode does not take apart into a letter and an accent.
_OTHER_LETTERS: Final = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i"})
_ACCENTS: Final = re.compile("[\u0300-\u036f]")


def _compared(plain: str) -> str:
    """A plain name without spaces and accents: `imageurl` is `image url`, `REFERENCE` référence.
    `plain_name` takes Hindi's vowel signs for punctuation, so here they don't count either."""
    letters = _ACCENTS.sub("", unicodedata.normalize("NFD", plain.casefold()))
    return _SIGNS.sub("", letters.translate(_OTHER_LETTERS))


_RANKS: Final = {
    _compared(name): (field, rank)
    for field, known in PRODUCT_FIELDS.items()
    for rank, name in enumerate(known.columns)
}


@dataclass(frozen=True)
class Column:
    """One column: its index from 0, its letter, a name that no other column has, and what it is
    read as: one of FIELDS. `has_marks`: it has content, all of it marks such as `x` or `yes`."""

    index: int
    letter: str
    name: str
    is_empty: bool = False
    has_marks: bool = False
    field: str = ATTRIBUTE


def column_of(columns: Sequence[Column], field: str) -> Column | None:
    """The first column that is read as this field."""
    return next((column for column in columns if column.field == field), None)


def index_of(columns: Sequence[Column], field: str) -> int | None:
    return column.index if (column := column_of(columns, field)) else None


def index_named(columns: Sequence[Column], names: Collection[str]) -> int | None:
    """The index of the first column that has one of these names, as `plain_name` gives them."""
    return next((one.index for one in columns if plain_name(one.name) in names), None)


def picture_indexes(columns: Sequence[Column]) -> list[int]:
    return [column.index for column in columns if column.field in SHARED]


def plain_name(text: str) -> str:
    """`Selling_Price (₹)` -> `selling price`: how names are compared."""
    text = unicodedata.normalize("NFKC", text[:_LONGEST_NAME])
    text = _CAMEL.sub(" ", text).casefold().replace("i\u0307", "i")  # Turkish I with a dot
    without_unit = _UNITS.sub("", text)
    plain = _SIGNS.sub(" ", without_unit or text).strip()
    return _CURRENCY.sub("", plain)


@lru_cache(maxsize=1024)  # each row is compared with the header's names
def field_of(name: str) -> tuple[str, int] | None:
    """The field that a column's name stands for, and how surely (0 is surest); None if unknown."""
    if len(name) > _LONGEST_NAME:
        return None
    plain = plain_name(name)
    if name[-1:] in _NUMBER_SIGNS and (of_number := _RANKS.get(_compared(f"{plain} no"))):
        return of_number
    if found := _RANKS.get(_compared(plain)):
        return _as_its_name_says(found, name)
    if full := _in_full(name):
        found = field_of(full)
        return found and (found[0], found[1] + LAST_RANK)
    if (without := _LANGUAGE.sub("", name)) != name:
        return field_of(without)
    meant = [field_of(part) for part in name.split("/")] if "/" in name else []
    if meant and len({each and each[0] for each in meant}) == 1:  # "SKU / Artikelnummer"
        return meant[0]
    if plain.endswith(" sku") and not _OTHER_SKU.search(plain):  # "Händler-SKU"
        return "sku", LAST_RANK
    unnumbered = _NUMBER_OF_PICTURE.sub("", plain)  # "image 2", "other image url1"
    words = [  # "left image"
        word
        for word in unnumbered.split()
        if word == "label" or without_accents(word) not in VIEW_WORDS  # Magento's base_image_label
    ]
    found = _RANKS.get(_compared(unnumbered)) or _RANKS.get(_compared(" ".join(words)))
    if found and found[0] in SHARED:
        return found
    bare = " ".join(word for word in words if word not in _BESIDE_PICTURES)
    found = _RANKS.get(_compared(bare)) if bare else None
    return found if found and found[0] == "raw_image" else None


def _in_full(name: str) -> str | None:
    """`Prod. Price (cents)` -> `product. Price (cents)`; None if no word is shortened."""
    spaced = unicodedata.normalize("NFKC", _CAMEL.sub(" ", name))
    full = _WORD.sub(lambda word: _IN_FULL.get(without_accents(word[0]), word[0]), spaced)
    return full if full != spaced else None


def _as_its_name_says(found: tuple[str, int], name: str) -> tuple[str, int] | None:
    """The field of a column, unless its name says that its amounts have another unit."""
    field, rank = found
    lower = _CAMEL.sub(" ", name).casefold().replace("_", " ")
    if field in MONEY and _SCALED.search(lower):
        return None
    if field == "discount" and _is_percentage(name):
        return None
    return (field, rank + NET_RANK) if field == "price" and _NET.search(lower) else found


def _is_percentage(name: str) -> bool:
    """Whether the name says that the column holds percentages: `Discount (%)`."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return _PERCENT.search(text.replace("_", " ")) is not None


def count_recognised(cells: Sequence[str]) -> int:
    """The number of different product fields that the cells name."""
    return len({found[0] for cell in cells if (found := field_of(cell))})


def repeats(header: Record, record: Record) -> bool:
    """Whether the row is the header again, or its fields by other names: Amazon's templates have a
    row for people and one for programs."""
    if record.cells == header.cells:
        return True
    if not _may_be_header(record):
        return False
    pairs = zip(header.cells, record.cells, strict=False)
    fields = [(field_of(one), field_of(other)) for one, other in pairs if one and other]
    same = [one for one, other in fields if one and other and one[0] == other[0]]
    return len(same) >= 2 and 2 * len(same) > sum(1 for one, _ in fields if one)


def find_another_table(header: Record, records: Sequence[Record]) -> int | None:
    """The index of a row that names other columns than the header, among them the one for the SKU
    in the same place."""
    sku = next((at for at, name in enumerate(header.cells) if _means_sku(name)), None)
    if sku is None:
        return None
    for place, record in enumerate(records):
        is_header = _means_sku(record.cell(sku)) and _may_be_header(record)
        if is_header and count_recognised(record.cells) > 1:
            return place
    return None


def _means_sku(name: str) -> bool:
    if not name or any(map(str.isdecimal, name)):  # most SKUs have a digit
        return False
    found = field_of(name)
    return found is not None and found[0] == "sku"


def find_header(records: Sequence[Record]) -> int:
    """The index of the header among the records: the row that names most fields, of equal
    ones the first; if no name is known, the first row of several texts. Raises SpreadsheetError."""
    searched = records[:SEARCHED_ROWS]
    scores = list(map(_count_named, searched))
    best = max(scores, default=0)
    if best:
        _refuse_transposed(searched, best)
        return _find_first_table(searched, scores)
    widest = max((sum(map(bool, record.cells)) for record in searched), default=0)
    for index, record in enumerate(searched):
        if sum(map(bool, record.cells)) == widest and _may_be_header(record):
            return index
    if not records:
        raise SpreadsheetError("the spreadsheet is empty")
    raise SpreadsheetError(
        f"row {records[0].number} looks like a product, not like the names of the columns:"
        " put a row with names such as sku, category, image, mrp and price above it"
    )


def _count_named(record: Record) -> int:
    """The number of fields that the row names. One shortened name alone may be content: `Cat`."""
    names = [cell for cell in record.cells if field_of(cell)]
    is_content = len(names) == 1 and _in_full(names[0]) is not None
    return count_recognised(names) if _may_be_header(record) and not is_content else 0


def _find_first_table(records: Sequence[Record], scores: Sequence[int]) -> int:
    """The index of the row that names most fields, or of a header above it: then that row, which
    has rows between itself and this one, begins another table. A template may say its names twice,
    with explanations between them."""
    best = scores.index(max(scores))
    for at in range(best - 1):
        between = records[at + 2 : best + 1]
        is_same = len(between) <= _EXPLAINING and repeats(records[at], records[best])
        if scores[at] > 1 and not is_same and find_another_table(records[at], between) is not None:
            return at
    return best


def read_header(records: Sequence[Record]) -> tuple[Sequence[Record], Record, list[Record]]:
    """The rows above the header, the header, and those below. A header of two rows becomes one:
    there the upper row has groups (Price above MRP and Sale price), or names that stand beside
    both. Raises SpreadsheetError."""
    at = find_header(records)
    header = records[at]
    for upper, lower in pairwise(records[max(0, at - 1) : at + 2]):
        if _is_in_two_rows(upper, lower):
            both = zip_longest(lower.cells, upper.cells, fillvalue="")
            header = replace(lower, cells=tuple(below or above for below, above in both))
            at = records.index(lower)
            is_used = header.cells != lower.cells
            return records[: at - is_used], header, list(records[at + 1 :])
    return records[:at], header, list(records[at + 1 :])


def _is_in_two_rows(upper: Record, lower: Record) -> bool:
    """Whether the lower row names columns that the upper one, which names others, leaves empty."""
    if upper.number + 1 != lower.number or repeats(upper, lower):
        return False
    if not (_may_be_header(upper) and _may_be_header(lower) and count_recognised(upper.cells)):
        return False
    own = [cell for index, cell in enumerate(lower.cells) if cell and not upper.cell(index)]
    return count_recognised(lower.cells) > 1 and count_recognised(own) > 0


def _refuse_transposed(records: Sequence[Record], best: int) -> None:
    """Raises if the first cells of the rows name more fields than any row does."""
    first = [record.cell(0) for record in records if record.cell(0)]
    names = [cell for cell in first if field_of(cell)]
    if count_recognised(first) > best and (len(names) > 2 or names == first):
        raise SpreadsheetError(
            f"the names of the columns stand in the first column ({list_first(names)}), one below"
            " the other: turn the rows into columns (copy them, then Paste Special, Transpose)"
        )


def _may_be_header(record: Record) -> bool:
    """Whether a row may be the header: names are not addresses, photo files or numbers."""
    return not any(
        "://" in cell or _BARE_NUMBER.fullmatch(cell) or ending_of(cell) in ENDINGS
        for cell in record.cells
    )


def columns_of(header: Record, records: Sequence[Record]) -> list[Column]:
    """The columns that have a name or content. One without a name gets its letter, a repeated name
    gets a number: `image`, `image (2)`."""
    width = max([len(header.cells), *(len(record.cells) for record in records)])
    used = {index for record in records for index, cell in enumerate(record.cells) if cell}
    columns: list[Column] = []
    names: set[str] = set()
    for index in range(width):
        text = " ".join(header.cell(index).split())
        if text or (index in used and index < len(header.cells)):
            if len(text) > _LONGEST_COLUMN:
                text = text[: _LONGEST_COLUMN - 1] + "…"
            name = _unique(text or f"column {column_letter(index)}", names)
            names.add(name)
            is_empty = index not in used
            has_marks = not is_empty and _has_marks(index, records)
            columns.append(Column(index, column_letter(index), name, is_empty, has_marks))
    return columns


def _has_marks(index: int, records: Sequence[Record]) -> bool:
    return all(_MARK.fullmatch(cell) for record in records if (cell := record.cell(index)))


def _unique(name: str, taken: set[str]) -> str:
    number, unique = 2, name
    while unique in taken:
        unique, number = f"{name} ({number})", number + 1
    return unique


def guess_mapping(columns: Sequence[Column], *, empty_last: bool = False) -> dict[str, str]:
    """Column name -> field. Of several columns for one field the surest name fills it, the first
    of equals; the others become attributes. `empty_last`: one without content fills it last."""
    mapping = dict.fromkeys((column.name for column in columns), ATTRIBUTE)
    best: dict[str, tuple[tuple[bool, int], str]] = {}
    for column in columns:
        if not (found := field_of(column.name)):
            continue
        field, rank = found
        if rank >= LAST_RANK and column.has_marks and field in _OF_TEXT:
            continue
        if field in SHARED:
            mapping[column.name] = field
        elif field not in best or (empty_last and column.is_empty, rank) < best[field][0]:
            best[field] = ((empty_last and column.is_empty, rank), column.name)
    mapping.update({name: field for field, (_, name) in best.items()})
    return mapping


def with_choices(mapping: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """The mapping with the user's choices. A field that they give to one column is taken from the
    others. Raises SpreadsheetError for a column or a field that does not exist."""
    result = dict(mapping)
    for name, field in chosen.items():
        if name not in result:
            raise SpreadsheetError(f"the mapping names a column that does not exist: {name[:60]!r}")
        if field not in FIELDS:
            raise SpreadsheetError(
                f"the mapping has an unknown field; known fields are {', '.join(FIELDS)}"
            )
        if field in PRODUCT_FIELDS and field not in SHARED:
            result = {
                other: ATTRIBUTE if held == field and other not in chosen else held
                for other, held in result.items()
            }
        result[name] = field
    _check_single(result)
    return result


def _check_single(mapping: Mapping[str, str]) -> None:
    for field in PRODUCT_FIELDS:
        names = [name for name, held in mapping.items() if held == field]
        if len(names) > 1 and field not in SHARED:
            raise SpreadsheetError(f"{field} can come from one column only, not from {len(names)}")
