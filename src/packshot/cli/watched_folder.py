"""A watched folder: which files stopped growing, their plan, and where they are moved.

Everything survives a kill: a file is moved only after its products are known to exist, and the
plan of a batch is saved before any part of it is sent. (Which part of a photo's name is the SKU
depends on all names of a batch: without the plan, those left after a kill could get other SKUs.)
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from packshot.cli.photos import ZIP, ZippedPhoto, is_utf_8, open_archive
from packshot.cli.rows import Row
from packshot.client import Json, Photo
from packshot.spreadsheets.photo_files import UNFINISHED, ending_of, is_system_file

DONE: Final = "done"
FAILED: Final = "failed"
#: The plan of the batch that is being sent; hidden, as the lock is.
PLAN: Final = ".packshot-watch.json"
LOCK: Final = ".packshot-watch.lock"
#: Files that stopped growing wait this many seconds for those that are still arriving beside them:
#: a spreadsheet for its photos, a photo for its other views.
LONGEST_WAIT: Final = 30.0

#: Size, modification time in nanoseconds, inode.
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class TakenFile:
    """A file of the folder, as it was when it had stopped growing, and what becomes of it.

    `path` is relative to the folder. `errors` are what is wrong with the file itself. `facts` are
    those of a spreadsheet's SKUs, for products that exist.
    """

    path: str
    stamp: Stamp
    rows: Sequence[Row] = ()
    errors: Sequence[str] = ()
    facts: Sequence[Json] = ()


@dataclass(frozen=True)
class UnchangedPhoto:
    """A photo that must be read as it was taken. Reading it raises OSError if it changed."""

    path: Path
    stamp: Stamp

    @property
    def name(self) -> str:
        return self.path.name

    def read_bytes(self) -> bytes:
        with self.path.open("rb") as file:
            before = stamp_of(os.fstat(file.fileno()))
            data = file.read()
            if not before == self.stamp == stamp_of(os.fstat(file.fileno())):
                raise OSError(errno.EBUSY, "it changed while it was read", str(self.path))
            return data

    def __str__(self) -> str:
        return str(self.path)


def stamp_of(stat: os.stat_result) -> Stamp:
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


@dataclass
class SettledFiles:
    """Finds the files that have not changed for `seconds`, by the clock of this machine alone."""

    seconds: float
    clock: Callable[[], float]
    _since: dict[str, tuple[Stamp, float]] = field(default_factory=dict)

    def take(self, files: dict[str, Stamp]) -> dict[str, Stamp]:
        """Files to work on now: none while others are still arriving, for up to LONGEST_WAIT."""
        now, known = self.clock(), self._since
        self._since = {}
        for path, stamp in files.items():
            before = known.get(path)
            self._since[path] = before if before and before[0] == stamp else (stamp, now)
        ages = {path: now - since for path, (_, since) in self._since.items()}
        still = {path: files[path] for path, age in ages.items() if age >= self.seconds}
        overdue = max(ages.values(), default=0.0) >= self.seconds + LONGEST_WAIT
        return still if len(still) == len(files) or overdue else {}


class WatchedFolder:
    """The files of one folder. Every method may raise OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        for name in (DONE, FAILED):
            (self.path / name).mkdir(exist_ok=True)

    def files(self) -> dict[str, Stamp]:
        """Relative path -> stamp of each file that may be worked on."""
        return {path: stamp for path in self._paths() if (stamp := self.stamp(path)) is not None}

    def _paths(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self.path, onerror=_raise):
            here = Path(folder).relative_to(self.path)
            if folder == str(self.path):
                folders[:] = [name for name in folders if name not in (DONE, FAILED)]
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (
                path
                for name in sorted(names)
                if not is_unfinished(path := (here / name).as_posix())
            )

    def holds(self, photo: Path) -> bool:
        """Whether a file is in the folder, with links followed: a spreadsheet may name any file."""
        return photo.resolve().is_relative_to(self.path.resolve())

    def stamp(self, path: str) -> Stamp | None:
        """None when the file is gone, or is no ordinary file."""
        whole = self.path / path
        try:
            return stamp_of(whole.stat()) if whole.is_file() else None
        except FileNotFoundError:
            return None

    # -- the plan of a batch -----------------------------------------------------------------------

    def save_plan(self, files: Sequence[TakenFile]) -> None:
        """Save the plan completely or not at all; replaces the previous one."""
        target = self.path / PLAN
        beside = target.with_suffix(".new")
        beside.write_text(json.dumps([_as_json(file) for file in files]), encoding="utf-8")
        beside.replace(target)

    def read_plan(self) -> list[TakenFile]:
        """What a watch that was killed had planned; without the files that are gone or changed, or
        can't be opened or sent: these are planned again."""
        try:
            planned = json.loads((self.path / PLAN).read_text(encoding="utf-8"))
            files = [self._from_json(each) for each in planned]
        except (FileNotFoundError, ValueError, TypeError, KeyError):  # no plan that was saved here
            return []
        sendable = (file for file in files if file and is_utf_8(file.path))
        return [file for file in sendable if self.stamp(file.path) == file.stamp]

    def forget_plan(self) -> None:
        (self.path / PLAN).unlink(missing_ok=True)

    def _from_json(self, given: dict[str, Any]) -> TakenFile | None:
        path, stamp = given["path"], tuple(given["stamp"])
        archive = None
        if given["rows"] and path.lower().endswith(ZIP) and self.stamp(path) == stamp:
            try:
                archive = open_archive(self.path / path)
            except (click.ClickException, OSError):
                return None
        rows = []
        for each in given["rows"]:
            photo: Photo | None = None
            if each["photo"] is not None and archive is not None:
                photo = ZippedPhoto(archive, each["photo"])
            elif each["photo"] == str(self.path / path):
                photo = UnchangedPhoto(self.path / path, stamp)
            elif each["photo"] is not None:  # a spreadsheet names a file that is not of the batch
                photo = Path(each["photo"])
            rows.append(
                Row(
                    each["source"],
                    each["fields"],
                    photo,
                    each["errors"],
                    path,
                    lacks_photo=each.get("lacks_photo", False),
                )
            )
        return TakenFile(path, stamp, rows, given["errors"], given.get("facts", ()))

    # -- the end of a file -------------------------------------------------------------------------

    def move_to_done(self, path: str) -> None:
        self._move(path, DONE)

    def move_to_failed(self, path: str, reasons: Sequence[str]) -> None:
        """With the reasons beside it, written first: the file is never there without them."""
        words = "\n".join([*reasons, ""]).encode(errors="backslashreplace")
        target = self._free_place(path, FAILED, words)
        with suppress(FileExistsError), _beside(target).open("xb") as file:
            file.write(words)
        (self.path / path).rename(target)

    def _move(self, path: str, where: str) -> None:
        (self.path / path).rename(self._free_place(path, where))

    def _free_place(self, path: str, where: str, reasons: bytes | None = None) -> Path:
        """Under its own name, with a number if that file exists already, or one in the place of
        its reasons that says something else."""
        target = self.path / where / path
        target.parent.mkdir(parents=True, exist_ok=True)
        number, stem = 2, target.stem
        while target.exists() or (
            reasons is not None and _has_other_text(_beside(target), reasons)
        ):
            target = target.with_name(f"{stem} ({number}){target.suffix}")
            number += 1
        return target


def _beside(target: Path) -> Path:
    """Where the reasons for a file in failed/ are."""
    return target.with_name(f"{target.name}.txt")


def _has_other_text(place: Path, words: bytes) -> bool:
    """A watch that was killed may have written the same words already."""
    return place.exists() and not (place.is_file() and place.read_bytes() == words)


def is_unfinished(path: str) -> bool:
    """Hidden, of the system, or the name that programs give what they are still writing."""
    name = path.rsplit("/", 1)[-1]
    return name.startswith((".", "~")) or ending_of(path) in UNFINISHED or is_system_file(path)


def _as_json(file: TakenFile) -> dict[str, Any]:
    rows = [
        {
            "source": row.source,
            "fields": row.fields,
            "photo": str(row.photo) if row.photo is not None else None,
            "errors": row.errors,
            "lacks_photo": row.lacks_photo,
        }
        for row in file.rows
    ]
    of_file = {"path": file.path, "stamp": file.stamp, "errors": list(file.errors)}
    return of_file | {"rows": rows, "facts": list(file.facts)}


def _raise(error: OSError) -> None:
    raise error
