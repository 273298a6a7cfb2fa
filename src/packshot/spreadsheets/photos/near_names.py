"""Names that are nearly the same, as people mistype them: `KB-10O7`, and `SHO-3` for SHOE-3.

Names whose digits differ are never near: KB-1008 is another product. Nor is a letter more or less
in a short word, because `TEE-XL` and `TEE-L` are two sizes.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from packshot.spreadsheets.photos.name_index import caseless
from packshot.spreadsheets.photos.views import read_view
from packshot.spreadsheets.view_words import SEPARATORS, without_accents

_OTHER_SIGNS: Final = re.compile(r"[\W_]+")
#: Letters that look like a digit, or like another alphabet's letter.
_ALIKE: Final = str.maketrans("oilsbzавекмнорстухіαβεικνοπρτυχ", "011582a8ekmh0pctyx1a8e1kv0nptyx")
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
#: The fewest letters and digits of a name that is compared.
_SHORTEST: Final = 4
_LONGEST: Final = 120


class NearNames:
    """Names to be found by others that are nearly the same."""

    def __init__(self, names: Iterable[str]) -> None:
        self._alike: dict[str, set[str]] = defaultdict(set)
        self._by_form: dict[str, set[str]] = defaultdict(set)
        for name in names:
            self._alike[_form(caseless(name))].add(name)
            for form in _forms(name):
                self._by_form[form].add(name)

    def find(self, stem: str) -> str | None:
        """The one name that a photo's stem nearly begins with, before a view if it has one."""
        stem = stem[:_LONGEST]
        cuts = [at for at, sign in enumerate(stem) if sign in SEPARATORS and at]
        for cut in (len(stem), *reversed(cuts)):
            if cut < len(stem) and read_view(stem[cut:]) is None:
                continue
            forms = list(_forms(stem[:cut]))
            found = self._alike.get(forms[0], set()) if forms else set()
            found = found or {name for form in forms for name in self._by_form.get(form, ())}
            if len(found) == 1:
                return next(iter(found))
        return None


def _forms(name: str) -> Iterator[str]:
    """The name without its signs: with digits for letters that look so, and without one letter of
    its first longer word."""
    name = caseless(name)
    if len(_OTHER_SIGNS.sub("", name)) < _SHORTEST:
        return
    yield _form(name)
    if not name.isascii():  # Größe as Groesse, and as Grosse
        yield _form(without_accents(name.translate(_UMLAUTS)))
        yield _form(without_accents(name))
    if word := _WORD.search(name):
        for at in range(word.start(), word.end()):
            yield _form(name[:at] + name[at + 1 :])


def _form(name: str) -> str:
    plain = name if name.isascii() else unicodedata.normalize("NFKC", name)
    return _OTHER_SIGNS.sub("", plain).translate(_ALIKE)
