"""Tells by its name whether a file in a folder or an archive is a photo."""

from __future__ import annotations

import mimetypes
import re
from typing import Final
from urllib.parse import unquote

from packshot.spreadsheets.fields import split_names

#: Endings of photos; their content is checked later.
ENDINGS: Final = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo", ".png", ".webp"),
    *(".heic", ".heif", ".hif", ".avif"),
    *(".tif", ".tiff"),
)
#: `packshot fidelity` ends the name of a change map with this, perhaps with a number: see below.
CHANGES: Final = "changes"
_CHANGE_MAP: Final = re.compile(rf"\.{CHANGES}(-\d+)?\.webp$", re.IGNORECASE)
#: Names that programs give to a file they are still writing.
UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".download")
#: What exiftool and editors leave beside a file that they change: `A1.jpg_original`, `A1.jpg~`.
_BACKUP: Final = re.compile(r"\.[a-z0-9]{2,5}(?:_original|~)$", re.IGNORECASE)
#: As Google Drive and macOS name a copy in several languages.
_COPY_OF: Final = re.compile(
    r"(copy|kopie|copie|copia|cópia|kopi|kopia) (?:of|von|de|di|van|av|af) (\S.*)", re.IGNORECASE
)
_ENCODED: Final = re.compile(r"%2[0-9a-f]", re.IGNORECASE)
_SYSTEM_NAMES: Final = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", ".ds_store"),
        *(".localized", ".nomedia", ".picasa.ini", "picasa.ini", "icon\r", ".directory"),
        *(".dropbox", ".hidden", "zbthumbnail.info"),
    )
)
_SYSTEM_FOLDERS: Final = frozenset(
    (
        *("__macosx", "@eadir", ".appledouble", ".spotlight-v100", ".trashes", ".fseventsd"),
        *("$recycle.bin", "system volume information", ".thumbnails", ".git"),
        *("#recycle", "@recycle", "lost+found"),
    )
)
#: A message for other files next to photos, and the endings of each kind.
_WHY_NOT: Final = {
    "is a GIF picture: save it as JPEG or PNG": ".gif",
    "is a bitmap: save it as JPEG or PNG": ".bmp, .dib",
    "is a drawing, not a photo": ".svg, .eps, .cdr",
    "is a layered picture: export it as JPEG": ".psd, .psb, .xcf, .kra",
    "is a camera's raw file: export it as JPEG": (
        ".cr2, .cr3, .nef, .arw, .dng, .orf, .rw2, .raf, .srw, .pef, .raw"
    ),
    "is a format that can't be read: use JPEG": ".jxl, .jp2, .j2k, .jxr",
    "describes a photo, but is not one": ".aae, .xmp, .thm, .pp3",
    "is an archive: unpack it first": ".zip, .rar, .7z, .gz, .tar",
    "is a spreadsheet": ".csv, .tsv, .xlsx, .xls, .ods, .numbers, .xlsm",
    "is not a photo": (".log, .pid, .lock, .bak, .db, .ini, .cfg, .conf, .url, .lnk, .webloc"),
    "is not yet fully downloaded": ", ".join(UNFINISHED),
}
_OTHERS: Final = {
    ending: why for why, endings in _WHY_NOT.items() for ending in split_names(endings)
}
_KINDS: Final = {
    "video": "is a video",
    "audio": "is a sound",
    "text": "is a text",
    "application": "is not a photo",
    "image": "is a format that can't be read: save it as JPEG or PNG",
}
#: Endings of files that are never next to photos: SKU.AI, M.TEX and shoe.me are names.
_RATHER_WORDS: Final = frozenset(
    (".ai", ".tex", ".me", ".ms", ".tr", ".man", ".src", ".ps", ".pl", ".sh", ".com", ".pot", ".so")
)
_LIKE_AN_ENDING: Final = re.compile(r"\.[a-z][a-z0-9]{1,4}", re.IGNORECASE)


def is_system_file(path: str) -> bool:
    """Whether an operating system left the file there: never a photo, and not reported."""
    *folders, name = path.casefold().split("/")
    if name.startswith(("._", "~$")) or name in _SYSTEM_NAMES:
        return True
    return any(folder in _SYSTEM_FOLDERS for folder in folders)


def why_not_a_photo(path: str) -> str | None:
    """Why a file is not a photo, by its name; None when it may be one.

    A name without an ending may be one: phones and browsers save such files.
    """
    if is_change_map(path):
        return "is a change map of packshot fidelity"
    first, *inner = path.split("/")  # a hidden folder that is given itself is meant
    if any(part.startswith(".") and part.strip(".") for part in inner or [first]):
        return "is hidden: its name, or its folder's, begins with a dot"
    if _BACKUP.search(path):
        return "is the backup copy of a file that was changed"
    ending = ending_of(path)
    if not ending or ending in ENDINGS:
        return None
    if ending in _OTHERS:
        return _OTHERS[ending]
    kind = (mimetypes.guess_type(f"x{ending}")[0] or "application").partition("/")[0]
    return _KINDS.get(kind, "is not a photo")


def is_change_map(path: str) -> bool:
    """Whether `packshot fidelity` wrote the file."""
    return _CHANGE_MAP.search(path) is not None


def ending_of(path: str) -> str:
    """The ending in lower case with its dot; "" if the part after the last dot is not one.

    `ID.MAIN` and `ID.PT01`, Amazon's names, have no ending.
    """
    name = path.rsplit("/", 1)[-1].rstrip()
    stem, dot, after = name.rpartition(".")
    ending = f".{after}".casefold()
    if stem and ending in _OTHERS:
        return ending
    if not stem or not dot or not _LIKE_AN_ENDING.fullmatch(ending):
        return ""
    if ending in _RATHER_WORDS:
        return ""
    known = ending in ENDINGS or mimetypes.guess_type(f"x{ending}")[0]
    return ending if known else ""


def stem_of(path: str) -> str:
    """The file's name without its endings: `d.jpg.jpeg` -> `d`, `d@2x.jpg` -> `d`; what browsers
    and systems write otherwise is undone: `a%20b` -> `a b`, `Copy of d` -> `d copy`."""
    name = path.rsplit("/", 1)[-1].rstrip()
    while (ending := ending_of(name)) in ENDINGS:
        name = name[: -len(ending)]
    name = name[:-3] if name[-3:] in ("@2x", "@3x") and len(name) > 3 else name
    name = unquote(name) if _ENCODED.search(name) else name
    return f"{copy[2]} {copy[1]}" if (copy := _COPY_OF.fullmatch(name)) else name
