"""Plans what becomes of files of a watched folder that stopped growing together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from packshot.cli.photos import NOT_UTF_8, ZIP, PhotoFiles, ZippedPhoto, add_archive, is_utf_8
from packshot.cli.row_checks import check_rows
from packshot.cli.rows import (
    PHOTO,
    ReadOptions,
    Report,
    Row,
    is_spreadsheet,
    rows_of_photos,
    rows_of_sheet,
)
from packshot.cli.updating import facts_in
from packshot.cli.watched_folder import Stamp, TakenFile, UnchangedPhoto, WatchedFolder
from packshot.client import ApiError, Client, Json, Photo
from packshot.spreadsheets import NO_FIT

NOTHING = "nothing can be made of it"


@dataclass
class WatchedBatch:
    """Files that are handled together, and what was found for each so far. `update`: spreadsheets
    correct products that exist."""

    folder: WatchedFolder
    files: Mapping[str, Stamp]
    read_options: ReadOptions
    report: Report
    client: Client
    update: bool = False
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    facts: dict[str, list[Json]] = field(default_factory=dict)
    tables_with_rows: set[str] = field(default_factory=set)

    def plan(self) -> list[TakenFile]:
        """What becomes of each file: spreadsheets last, because their photos must be moved first.

        Photos and ZIPs that come with a spreadsheet are matched with it, as `packshot upload` does;
        others are read by their names, each ZIP by itself.
        """
        tables = [path for path in self.files if is_spreadsheet(self.folder.path / path)]
        if tables:
            self._match(tables)
        else:
            self._read_names()
        others = [path for path in self.files if path not in tables]
        return [self._result_for(path) for path in (*others, *tables)]

    def _result_for(self, path: str) -> TakenFile:
        rows, errors = self.rows[path], self.errors[path]
        if not rows and not errors and path not in self.tables_with_rows:
            errors = [NOTHING]
        return TakenFile(path, self.files[path], rows, errors, self.facts.get(path, ()))

    # -- photos by their names ---------------------------------------------------------------------

    def _read_names(self) -> None:
        zips = [path for path in self.files if path.lower().endswith(ZIP)]
        for names in ([path for path in self.files if path not in zips], *([one] for one in zips)):
            found = self._collect(names)
            rows = self._rows_by_names(found.photos, self.report, found)
            self._assign(self._checked(rows), found)
            self._leave_out(found)

    def _rows_by_names(self, photos: PhotoFiles, report: Report, found: Collected) -> list[Row]:
        """None where the server refuses to look up the SKUs: they would be read otherwise."""
        try:
            return rows_of_photos(photos, self.read_options, report)
        except ApiError as error:
            if error.is_passing:
                raise
            found.why = error.explanation
            return []

    # -- photos by a spreadsheet -------------------------------------------------------------------

    def _match(self, tables: list[str]) -> None:
        """Each spreadsheet takes the photos that fit it; the rest are read by their names alone, as
        if they had come later. If a spreadsheet can't be read, they are left out: by their names
        alone they would become other products."""
        found = self._collect([path for path in self.files if path not in tables])
        for table in tables:
            path = self.folder.path / table
            try:
                rows = rows_of_sheet(path, found.photos, self.read_options, self._report)
            except (click.ClickException, OSError) as error:
                self.errors[table].append(_words(error))
                found.why = f"{table}, which came with it, can't be read"
                continue
            self.facts[table] = facts_in(rows) if self.update else []
            self.tables_with_rows |= {table} if rows else set()
            self._assign(self._checked(rows), found, table)
        if found.why is None:
            self._read_rest(found)
        self._leave_out(found)

    def _report(self, note: str) -> None:
        """Photos that fit no SKU of the spreadsheet are read by their names."""
        if NO_FIT not in note:
            self.report(note)

    def _read_rest(self, found: Collected) -> None:
        """Photos that fit no row, and whose own names say a SKU."""
        why = {left.file: left.why for left in found.photos.left_out if left.why == NO_FIT}
        why |= {left.file: left.why for left in found.photos.left_out if left.why != NO_FIT}
        files = {n: each for n, each in found.photos.files.items() if why.get(n) == NO_FIT}
        rows = self._rows_by_names(PhotoFiles(files), self._report, found)
        named = [row for row in rows if row.fields.get("sku")]
        for row in named:
            self.report(
                f"{row.source}: no SKU of the spreadsheet, so {row.fields['sku']} by its name"
            )
        self._assign(named, found)

    # -- both --------------------------------------------------------------------------------------

    def _checked(self, rows: Sequence[Row]) -> list[Row]:
        return check_rows(self.client, rows, self.report, update=self.update)

    def _collect(self, paths: Iterable[str]) -> Collected:
        found = Collected()
        for path in paths:
            if not is_utf_8(path):
                self.errors[path].append(NOT_UTF_8)
                continue
            if not path.lower().endswith(ZIP):
                found.add(path, path, UnchangedPhoto(self.folder.path / path, self.files[path]))
                continue
            inside = PhotoFiles()
            try:
                add_archive(self.folder.path / path, inside)
            except (click.ClickException, OSError) as error:
                self.errors[path].append(_words(error))
            for name, photo in inside.files.items():
                found.add(path, name, photo)
            for left in inside.left_out:
                self.report(f"{path}: left out {left.file}: {left.why}")
        return found

    def _assign(self, rows: Iterable[Row], found: Collected, table: str = "") -> None:
        """Give each row to the file of its photo; without such a file, to the spreadsheet."""
        for row in rows:
            path = found.take(row.photo) or self._file_named_by(row.photo)
            if path and not isinstance(row.photo, ZippedPhoto):
                row = replace(row, photo=UnchangedPhoto(self.folder.path / path, self.files[path]))
            elif isinstance(row.photo, Path) and not self.folder.holds(row.photo):
                outside = f"{PHOTO}: {row.photo} is outside the watched folder"
                row = replace(row, photo=None, errors=[*row.errors, outside])
            self.rows[path or table].append(replace(row, origin=path or table))

    def _file_named_by(self, photo: Photo | None) -> str | None:
        """The file that a row of a spreadsheet names, if it is one of these."""
        if not isinstance(photo, Path) or not photo.is_relative_to(self.folder.path):
            return None
        path = photo.relative_to(self.folder.path).as_posix()
        return path if path in self.files else None

    def _leave_out(self, found: Collected) -> None:
        reasons = {left.file: left.why for left in found.photos.left_out}
        for name in found.photos.files:
            path = found.files[name]
            if name == path and self.rows[path]:  # a row named it by its path
                continue
            why = found.why or reasons.get(name, NOTHING)
            self.errors[path].append(why if name == path else f"{name}: {why}")


@dataclass
class Collected:
    """Photos that are not taken yet, by the names that are matched; `files` says in which file of
    the folder each is. `why` is a reason that holds for all that are left."""

    photos: PhotoFiles = field(default_factory=PhotoFiles)
    files: dict[str, str] = field(default_factory=dict)
    why: str | None = None
    _names: dict[int, str] = field(default_factory=dict)

    def add(self, path: str, name: str, photo: Photo) -> None:
        name = name if name not in self.files else f"{path}/{name}"
        self.photos.files[name], self.files[name] = photo, path
        self._names[id(photo)] = name

    def take(self, photo: Photo | None) -> str | None:
        """The file of this photo, which then fits nothing else."""
        name = self._names.get(id(photo))
        if name is None or name not in self.photos.files:
            return None
        del self.photos.files[name]
        return self.files[name]


def _words(error: click.ClickException | OSError) -> str:
    if isinstance(error, click.ClickException):
        return error.message
    return f"can't be read: {error.strerror}"
