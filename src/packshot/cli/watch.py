"""`packshot watch FOLDER`: uploads files put into a folder, and moves them to done/ or failed/."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import click
from filelock import FileLock, Timeout
from rich.console import Console

from packshot.cli.options import connection
from packshot.cli.plain import escape_text
from packshot.cli.reading import reading
from packshot.cli.retry_notices import RetryNotices
from packshot.cli.row_checks import find_skus
from packshot.cli.row_reports import reasons
from packshot.cli.rows import ReadOptions, Row
from packshot.cli.sending import SendOptions, SendResult, elsewhere_words, send_rows, with_known
from packshot.cli.server_errors import error_text
from packshot.cli.updating import Updated, parts_of, update_part, without_known
from packshot.cli.watched_batch import WatchedBatch
from packshot.cli.watched_folder import (
    DONE,
    FAILED,
    LOCK,
    SettledFiles,
    TakenFile,
    WatchedFolder,
)
from packshot.client import ApiError, Client
from packshot.lanes import LANES, Lane

#: Seconds between two checks of the folder.
LOOK_SECONDS: Final = 1.0
#: Files that are sent together: a kill or a signal leaves at most these to be sent again.
FILES_TOGETHER: Final = 20


class Stopped(Exception):
    """Raised after a signal, to end the work."""


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@reading
@click.option(
    "--settle",
    type=click.FloatRange(0, 3600),
    default=5.0,
    show_default=True,
    help="Seconds for which a file must not have changed.",
)
@click.option(
    "--update",
    is_flag=True,
    help="Give products that exist the prices, names and other facts of a spreadsheet, by SKU,"
    " and another photo, by SKU and view.",
)
@click.option("--lane", type=click.Choice(LANES), help="As in `packshot upload`.")
@click.option("--once", is_flag=True, help="End when the folder is empty.")
@connection
def watch(
    folder: Path,
    read_options: ReadOptions,
    settle: float,
    update: bool,
    lane: Lane | None,
    once: bool,
    client: Client,
) -> None:
    """Upload the files put into FOLDER, and move them to FOLDER/done or FOLDER/failed.

    A file is used once it has stopped growing, and read as by `packshot upload`: photos by their
    names, also in subfolders and ZIPs, or matched with a spreadsheet that comes with them, which
    may name photos of FOLDER only; those that fit no row are read by their names. A photo that has
    a product with its SKU and view is not used again. Files that can't be used go to failed/, with
    the reason in a text beside each. Hidden files and unfinished downloads are left alone.

    It may be killed at any time: started again, it loses nothing and makes nothing twice. While the
    server is unreachable it waits. Ctrl-C and SIGTERM end it after the current files. With --once
    it exits with 1 when something went to failed/.
    """
    console = Console(highlight=False, soft_wrap=True)
    watched = WatchedFolder(folder.resolve())
    lock = FileLock(watched.path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise click.ClickException(f"another packshot watch works on {folder}") from None
    watcher = Watcher(watched, client, read_options, settle, console, lane, update=update)
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, watcher.ask_to_stop) for number in numbers]
    try:
        watcher.run(once)
    finally:
        lock.release()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    raise SystemExit(1 if once and watcher.failed else 0)


class Watcher:
    """The loop: list the files, plan, send, move."""

    def __init__(
        self,
        folder: WatchedFolder,
        client: Client,
        read_options: ReadOptions,
        settle: float,
        console: Console,
        lane: Lane | None = None,
        *,
        update: bool = False,
    ) -> None:
        self.update = update
        self._choices = SendOptions(lane=lane, update=update, repeatable=True)
        self.folder, self.client, self.console = folder, client, console
        self.read_options = replace(read_options, find_skus=partial(find_skus, client))
        self.failed = 0
        self._settled = SettledFiles(settle, time.monotonic)
        self._stop = threading.Event()
        self._stuck: dict[str, object] = {}  # files that could not be moved, and their stamps
        notices = RetryNotices(client, self._print_line)
        client.sleep, client.outage_wait = self._pause, math.inf
        client.before_retry, client.after_retry = notices.begin, notices.end

    def ask_to_stop(self, *_: object) -> None:
        """A second signal ends it at once, as a kill would."""
        if self._stop.is_set():
            raise SystemExit(130)
        self._stop.set()

    def run(self, once: bool = False) -> None:
        self.folder.prepare()
        words = f"watching {self.folder.path} for {self.client.url}; Ctrl-C ends it"
        self._print_line(words)
        try:
            self._work(self.folder.read_plan())
            while self._look() or not once:
                self._pause(min(LOOK_SECONDS, self._settled.seconds))
        except Stopped:
            self._print_line("stopped; the next start continues with the rest")

    def _look(self) -> bool:
        """Work on the files that are ready; return whether any are left in the folder."""
        try:
            files = self.folder.files()
        except OSError as error:
            self._print_line(f"the folder can't be read: {error.strerror}")
            return True
        left = {path: at for path, at in files.items() if self._stuck.get(path) != at}
        if ready := self._settled.take(left):
            batch = WatchedBatch(
                self.folder, ready, self.read_options, self._print_line, self.client, self.update
            )
            planned = batch.plan()
            self.folder.save_plan(planned)
            self._work(planned)
        return bool(left)

    # -- a batch -----------------------------------------------------------------------------------

    def _work(self, files: Sequence[TakenFile]) -> None:
        updated = {file.path: self._update(file) for file in files}
        for part in _parts(files):
            self._make(part, updated)
        self.folder.forget_plan()

    def _make(self, files: Sequence[TakenFile], updated: Mapping[str, Updated]) -> None:
        """Send files together, and each alone after a refusal of all, which one of them caused."""
        self._check_stop()
        rows = [row for file in files for row in self._rows_to_make(file, updated[file.path])]
        sent = send_rows(self.client, rows, self._choices)
        if isinstance(sent.stopped, ApiError) and sent.stopped.is_passing:  # a wrong key
            raise sent.stopped
        if sent.stopped is None or len(files) == 1:
            self._finish(files, sent, updated)
            return
        for file in files:
            self._make([file], updated)

    def _rows_to_make(self, file: TakenFile, updated: Updated) -> Sequence[Row]:
        return without_known(file.rows, updated) if file.facts else file.rows

    def _update(self, file: TakenFile) -> Updated:
        """Correct the products of a spreadsheet's SKUs."""
        updated = Updated()
        for part in parts_of(file.facts):
            self._check_stop()
            try:
                update_part(self.client, part, updated)
            except ApiError as error:
                if error.is_passing:  # a wrong key
                    raise
                updated.refuse(part, error.explanation)
        for line in updated.lines():
            self._print_line(f"updated {line}")
        if file.facts:
            self._print_line(f"{file.path}: {updated.summary('updated')}")
        return updated

    def _finish(
        self, files: Sequence[TakenFile], sent: SendResult, updated: Mapping[str, Updated]
    ) -> None:
        lines: dict[str, list[str]] = defaultdict(list)
        skipped: dict[str, list[Row]] = defaultdict(list)
        refused: dict[str, list[Row]] = defaultdict(list)
        for row, product in sent.created:
            lines[row.origin].append(f"{row.source}: product {product['id']}")
        for row, product in sent.replaced:
            lines[row.origin].append(f"{row.source}: product {product['id']} has it as its photo")
        for row, known in sent.skipped:
            skipped[row.origin].append(with_known(row, known, known.difference(row)))
        for row, other in sent.elsewhere:
            lines[row.origin].append(elsewhere_words(row, other, "now also"))
        for row in sent.refused:
            refused[row.origin].append(row)
        for file in files:
            for line in (*lines[file.path], *reasons(skipped[file.path])):
                self._print_line(line)
            why = [*file.errors, *updated[file.path].refusals()]
            if sent.stopped is not None:
                why.append(error_text(self.client.url, sent.stopped))
            of_rows = reasons(refused[file.path])
            self._move(file, [*why, *(line.removeprefix(f"{file.path}: ") for line in of_rows)])

    def _move(self, file: TakenFile, why: Sequence[str]) -> None:
        if self.folder.stamp(file.path) != file.stamp:
            self._print_line(f"{file.path}: changed or moved while it was sent; checked again")
            return
        try:
            if why:
                self.folder.move_to_failed(file.path, why)
                self.failed += 1
                self._print_line(f"{file.path}: moved to {FAILED}/: {'; '.join(why)}")
            else:
                self.folder.move_to_done(file.path)
                self._print_line(f"{file.path}: moved to {DONE}/")
        except OSError as error:
            self._stuck[file.path] = file.stamp
            self._print_line(f"{file.path}: can't be moved: {error.strerror}; it stays where it is")

    # -- waiting -----------------------------------------------------------------------------------

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)
        self._check_stop()

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _print_line(self, line: str) -> None:
        self.console.print(escape_text(line))


def _parts(files: Sequence[TakenFile]) -> Iterator[Sequence[TakenFile]]:
    """Photos in groups; a spreadsheet or a ZIP, which has many rows, alone."""
    together: list[TakenFile] = []
    for file in files:
        if len(file.rows) > 1 or any(row.photo is None for row in file.rows):
            if together:
                yield together
            yield [file]
            together = []
        else:
            together.append(file)
        if len(together) == FILES_TOGETHER:
            yield together
            together = []
    if together:
        yield together
