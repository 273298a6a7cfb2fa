"""`packshot enhance`: enhances photos without a server, each shown beside its original."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from packshot import logs
from packshot.cli.plain import counted, shown
from packshot.cli.progress import bar
from packshot.cli.rows import PHOTO_ENDINGS
from packshot.enhancers.contract import (
    Brief,
    CallRecord,
    Enhancer,
    Photo,
    Picture,
    Purchase,
)
from packshot.errors import PackshotError
from packshot.pictures import imaging
from packshot.pictures.child_processes import Pixels
from packshot.serving import load_environment
from packshot.settings import Settings, load_settings

SHEET_HEIGHT = 720
OWN_FOLDER = "enhanced"  # the default folder of results, inside a folder of photos


@dataclass(frozen=True)
class Job:
    """One photo, and the file that shows it beside its variants, which are written next to it."""

    photo: Path
    target: Path


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A folder, or a file for one photo; default: beside the photo, `enhanced` in a folder.",
)
@click.option("--category", default="product", show_default=True, help="What it is.")
@click.option("--sheet", is_flag=True, help="One contact sheet of all photos instead.")
def enhance(files: tuple[Path, ...], out: Path | None, category: str, sheet: bool) -> None:
    """Enhance photos, or folders of them, without a server or a database.

    Writes NAME-enhanced.jpg, the original and its variants side by side, and each variant in full
    size, as the server would make them. With --sheet, the local enhancer's before and after of
    every photo go into one picture. Exits with 1 when a photo could not be used.
    """
    logs.configure()
    load_environment()
    console = Console(stderr=True)
    try:
        settings = load_settings()
        jobs = _jobs(files, out, console)
        if sheet:
            all_well = _sheet(jobs, _one_target(out, Path("sheet.jpg")), settings, console)
        else:
            all_well = _enhance_all(jobs, category, settings, console)
    except PackshotError as error:
        raise click.ClickException(error.message) from error
    except OSError as error:
        raise click.ClickException(_words(error)) from error
    raise SystemExit(0 if all_well else 1)


# ---- which photos, and where the results go


def _jobs(files: Sequence[Path], out: Path | None, console: Console) -> list[Job]:
    """Every photo with its target; no two photos share one."""
    photos = [(photo, file) for file in files for photo in _photos_of(file, console)]
    if not photos:
        raise click.ClickException(f"there are no photos in {', '.join(map(str, files))}")
    if len(files) == 1 and not files[0].is_dir():
        return [
            Job(files[0], _one_target(out, files[0].with_name(f"{files[0].stem}-enhanced.jpg")))
        ]
    if out is not None and out.exists() and not out.is_dir():
        raise click.ClickException(f"{out} is a file: several photos need a folder")
    names = _names([photo for photo, _ in photos])
    return [
        Job(photo, (out or _beside(photo, file)) / f"{name}-enhanced.jpg")
        for (photo, file), name in zip(photos, names, strict=True)
    ]


def _photos_of(file: Path, console: Console) -> list[Path]:
    """The file itself; of a folder, the files that are photos by content or by name."""
    if not file.is_dir():
        return [file]
    files = sorted(path for path in file.iterdir() if path.is_file())
    photos = [path for path in files if path.suffix.lower() in PHOTO_ENDINGS or _is_photo(path)]
    if others := len(files) - len(photos):
        console.print(f"{shown(str(file))}: {counted(others, 'other file')} left out")
    return photos


def _is_photo(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return imaging.sniff(file.read(64)) is not None
    except OSError:
        return False


def _names(photos: Sequence[Path]) -> list[str]:
    """The photos' names; where two would be the same, with their ending, then with a number."""
    stems = Counter(photo.stem for photo in photos)
    names, taken = [], set[str]()
    for photo in photos:
        name = photo.stem if stems[photo.stem] == 1 else f"{photo.stem}-{photo.suffix[1:]}"
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique)
        names.append(unique)
    return names


def _beside(photo: Path, given: Path) -> Path:
    return given / OWN_FOLDER if given.is_dir() else photo.parent


def _one_target(out: Path | None, default: Path) -> Path:
    """The file that `--out` names, or one in the folder that it names (no ending)."""
    if out is None:
        return default
    return out / default.name if out.is_dir() or not out.suffix else out


# ---- the work


def _sheet(jobs: Sequence[Job], target: Path, settings: Settings, console: Console) -> bool:
    from packshot.enhancers.local.enhancer import order_of
    from packshot.enhancers.sheet import contact_sheet
    from packshot.wiring import output_spec

    spoilt = []

    def notify(path: Path, words: str) -> None:
        console.print(f"{shown(path.name)}: {shown(words)}")
        if words != "done":
            spoilt.append(path)

    data = contact_sheet(
        [job.photo for job in jobs if job.photo != target],
        order_of(settings),
        output_spec(settings),
        settings.enhanced_images_count,
        notify=notify,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    click.echo(target)
    return not spoilt


def _enhance_all(jobs: Sequence[Job], category: str, settings: Settings, console: Console) -> bool:
    """Enhance photo after photo; a failure is printed, and the next photo follows."""
    from packshot.wiring import choose_enhancer, output_spec

    pixels = Pixels(settings.pixel_processes)
    failed = 0
    try:
        enhancer = choose_enhancer(settings, NoLedger(), pixels)
        brief = Brief(0, 1, category, settings.enhanced_images_count)
        studio = Studio(enhancer, brief, output_spec(settings), pixels, console)
        for note in enhancer.health().notes:
            console.print(f"note: {shown(note)}")
        with bar(console) as progress:
            task = progress.add_task("Photos", total=len(jobs), note="")
            for job in jobs:
                progress.update(task, note=shown(job.photo.name))
                failed += not _enhance_one(job, studio)
                progress.advance(task)
    finally:
        pixels.close()
    if failed:
        console.print(f"{counted(failed, 'photo')} of {len(jobs)} could not be enhanced.")
    return not failed


@dataclass(frozen=True)
class Studio:
    """What every photo is enhanced with, and where notes about it are printed."""

    enhancer: Enhancer
    brief: Brief
    output: imaging.OutputSpec
    pixels: Pixels
    console: Console

    def pictures(self, photo: Photo) -> list[Picture]:
        """All variants of the photo."""
        analysis = self.enhancer.analyse(photo, self.brief)
        variants = range(self.brief.wanted)
        return [self.enhancer.generate(photo, analysis, self.brief, each) for each in variants]

    def finish(self, picture: Picture) -> bytes:
        """The picture as a JPEG, as the server would store it."""
        finished = self.pixels.run(imaging.finish, picture.data, self.output, picture.provenance())
        return finished.data


def _enhance_one(job: Job, studio: Studio) -> bool:
    try:
        written = _enhance_file(job, studio)
    except PackshotError as error:
        studio.console.print(f"{shown(str(job.photo))}: {shown(error.message)}")
        return False
    except OSError as error:
        studio.console.print(f"{shown(str(job.photo))}: {shown(_words(error))}")
        return False
    for path in written:
        click.echo(path)
    return True


def _enhance_file(job: Job, studio: Studio) -> list[Path]:
    """Write all pictures of one photo; return their paths."""
    copy = studio.pixels.run(imaging.normalise, job.photo.read_bytes())
    pictures = studio.pictures(Photo(copy.data, copy.mime_type, copy.width, copy.height))
    finished = [studio.finish(picture) for picture in pictures]
    side_by_side = studio.pixels.run(beside, [copy.data, *finished])
    job.target.parent.mkdir(parents=True, exist_ok=True)
    job.target.write_bytes(side_by_side)
    written = [job.target]
    for number, (picture, data) in enumerate(zip(pictures, finished, strict=True), 1):
        path = job.target.with_name(f"{job.target.stem}-{file_name(picture.title, number)}.jpg")
        if path in written:
            path = job.target.with_name(f"{job.target.stem}-{number}.jpg")
        path.write_bytes(data)
        written.append(path)
        if picture.warning:
            studio.console.print(f"{shown(path.name)}: {shown(picture.warning)}")
    return written


def file_name(title: str, number: int) -> str:
    """A title as part of a file's name. A model wrote it: only letters, digits and dashes stay."""
    return re.sub(r"[^\w]+", "-", title)[:40].strip("-_") or str(number)


def beside(pictures: Sequence[bytes]) -> bytes:
    """The pictures in one row of equal height, as a JPEG. Runs in a pixel child."""
    import cv2
    import numpy as np

    row = []
    for data in pictures:
        pixels = imaging.to_array(data)
        if pixels.shape[2] == 4:
            alpha = pixels[..., 3:] / 255.0
            pixels = (pixels[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
        width = round(pixels.shape[1] * SHEET_HEIGHT / pixels.shape[0])
        row.append(cv2.resize(pixels, (width, SHEET_HEIGHT), interpolation=cv2.INTER_AREA))
    return imaging.encode_array(np.hstack(row), quality=90)


def _words(error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason


class NoLedger:
    """Nothing to record: photos of the command line are in no database."""

    def call(self, purchase: Purchase) -> AbstractContextManager[CallRecord]:
        return nullcontext(CallRecord(cost=purchase.expected))
