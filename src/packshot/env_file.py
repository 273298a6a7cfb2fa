"""Reads `.env` files as people write them: in any editor's encoding, with any kind of quotes."""

from __future__ import annotations

import io
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packshot.errors import SettingsError

#: The longer ones first: UTF-32's begins as UTF-16's does.
BOMS: Final = (
    (BOM_UTF32_LE, "utf-32"),
    (BOM_UTF32_BE, "utf-32"),
    (BOM_UTF8, "utf-8-sig"),
    (BOM_UTF16_LE, "utf-16"),
    (BOM_UTF16_BE, "utf-16"),
)
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Quotes that word processors and chat programs put in place of straight ones, and backticks.
QUOTES: Final = {
    "'": "'",
    '"': '"',
    "`": "`",
    "“": "”",
    "”": "”",
    "„": "“”",
    "‘": "’",
    "’": "’",
} | {
    "‚": "‘’",
    "«": "»",
    "»": "«",
}
INVISIBLE: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass
class EnvFile:
    """The contents of a `.env`: its values by name, and a note for each oddity."""

    path: Path
    values: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def read_env_file(path: Path, of_one_line: Collection[str] = ()) -> EnvFile:
    """Read a `.env`; a missing file, or a folder, has no values.

    `of_one_line` names the values that can't contain a line break; other programs' values in the
    file may. Raises SettingsError, naming the file and the line, never the value.
    """
    if not path.is_file():
        return EnvFile(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}") from None
    found = EnvFile(path)
    text = _text(data, path, found.remarks)
    _read(text, path, of_one_line, found)
    return found


def plain_value(text: str) -> str:
    """A value without the spaces and the one pair of quotes around it."""
    text = text.strip(" \t\r\n\u00a0\u200b\ufeff")
    if len(text) > 1 and text[-1] in QUOTES.get(text[0], ""):
        return text[1:-1]
    return text


def _text(data: bytes, path: Path, remarks: list[str]) -> str:
    encoding = next((name for bom, name in BOMS if data.startswith(bom)), None)
    if encoding is None and b"\0" in data[:200]:  # UTF-16 without a mark: ASCII has a 0 in each
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    try:
        return data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise _wrong(path, 1, f"the file is not whole {encoding.upper()}") from None
        line = data.count(b"\n", 0, error.start) + 1
    try:
        text = data.decode("windows-1252")
    except UnicodeDecodeError:
        raise _wrong(path, line, "the file is in an unknown encoding") from None
    remarks.append(f"{path}, line {line}: not UTF-8, so read as Windows-1252; save it as UTF-8")
    return text


def _read(text: str, path: Path, of_one_line: Collection[str], found: EnvFile) -> None:
    from dotenv.main import resolve_variables
    from dotenv.parser import parse_stream

    given: dict[str, tuple[str, int]] = {}
    for binding in parse_stream(io.StringIO(text)):
        # A statement begins with the blank lines before it.
        start = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + len(binding.original.string[:start].splitlines())
        if binding.error or (binding.key is not None and not NAME.fullmatch(binding.key)):
            raise _wrong(
                path, line, "must be NAME=value, with a quote's other end on the same line"
            )
        if binding.key is None or not binding.value:
            continue
        value = plain_value(binding.value)
        if "\0" in value or (binding.key in of_one_line and INVISIBLE.search(value)):
            raise _wrong(
                path,
                line,
                "the value holds a line break, a tab or the like (in double quotes \\n and \\t mean"
                " those: use single ones)",
            )
        if value:
            _keep(binding.key, value, line, given, path, found.remarks)
    found.values = {
        name: value or ""
        for name, value in resolve_variables(
            [(name, value) for name, (value, _) in given.items()], override=False
        ).items()
    }


def _keep(
    name: str,
    value: str,
    line: int,
    given: dict[str, tuple[str, int]],
    path: Path,
    remarks: list[str],
) -> None:
    """Keep each name's last value that is not empty."""
    if name in given and given[name][0] != value:
        remarks.append(
            f"{path}: {name} is on line {given[name][1]} and on line {line}, which counts"
        )
    given[name] = (value, line)


def _wrong(path: Path, line: int, words: str) -> SettingsError:
    return SettingsError(f"{path}, line {line}: {words}")
