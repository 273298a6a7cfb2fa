"""`packshot enhance`: enhances photos without a server, each shown beside its original."""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from packshot import logs
from packshot.cli.plain import escape_text, pluralise
from packshot.cli.progress import bar
from packshot.enhancers.contract import (
    Brief,
    CallRecord,
    Enhancer,
    Photo,
    Picture,
    Purchase,
)
from packshot.enhancers.signatures import sign_if_made_by_ai
from packshot.errors import PackshotError
from packshot.pictures import imaging
from packshot.pictures.child_processes import Pixels
from packshot.pictures.kinds import sniff
from packshot.pictures.signing import Signing
from packshot.serving.process import load_environment
from packshot.settings import Settings, load_settings
from packshot.spreadsheets.photo_files import ENDINGS, is_change_map

SHEET_HEIGHT = 720
JPEG_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif")
OWN_FOLDER = "enhanced"  # the default folder of results, inside a folder of photos


@dataclass(frozen=True)
class PhotoJob:
    """One photo, and the file that shows it beside its variants, which are written next to it."""

    photo: Path
    target: Path


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, readable=False, path_type=Path)
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A folder, or a .jpg for one photo or a sheet;"
    " default: beside the photo, `enhanced` in a folder.",
)
@click.option("--category", default="product", show_default=True, help="The product's category.")
@click.option(
    "--sheet", is_flag=True, help="One contact sheet of all photos instead; default: ./sheet.jpg."
)
@click.option("--replace", is_flag=True, help="Replace the results of an earlier run.")
def enhance(
    files: tuple[Path, ...], out: Path | None, category: str, sheet: bool, replace: bool
) -> None:
    """Enhance photos, or folders of them with their subfolders, without a server or a database.

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
            target = _one_target(out, Path("sheet.jpg"))
            _refuse_existing([target], replace)
            all_well = _sheet(jobs, target, settings, console)
        else:
            left = jobs if replace else _without_results(jobs, console)
            all_well = _enhance_all(left, category, settings, replace, console)
    except OSError as error:
        raise click.ClickException(_words(error)) from error
    raise SystemExit(0 if all_well else 1)


# ---- photos, and the paths of their results


def _jobs(files: Sequence[Path], out: Path | None, console: Console) -> list[PhotoJob]:
    """Every photo with its target; no two photos share one, and none is a target."""
    found = {
        photo.resolve(): (photo, file)
        for file in reversed(files)
        for photo in reversed(_photos_of(file, out, console))
    }
    photos = list(reversed(found.values()))
    if not photos:
        raise click.ClickException(f"there are no photos in {', '.join(map(str, files))}")
    jobs = _assign_targets(photos, files, out)
    if used := [job.target for job in jobs if job.target.resolve() in found]:
        raise click.ClickException(f"{used[0]} is one of the photos: name another --out")
    return jobs


def _assign_targets(
    photos: Sequence[tuple[Path, Path]], files: Sequence[Path], out: Path | None
) -> list[PhotoJob]:
    """Give each photo its target. `photos` are pairs: a photo, and the argument that named it."""
    if len(files) == 1 and not files[0].is_dir():
        default = files[0].with_name(f"{files[0].stem}-enhanced.jpg")
        return [PhotoJob(files[0], _one_target(out, default))]
    if out is not None and out.exists() and not out.is_dir():
        raise click.ClickException(f"{out} is a file: several photos need a folder")
    folders = [_folder_of(photo, file, out) for photo, file in photos]
    names = _names(
        [folder / photo.name for folder, (photo, _) in zip(folders, photos, strict=True)]
    )
    return [
        PhotoJob(photo, folder / f"{name}-enhanced.jpg")
        for (photo, _), folder, name in zip(photos, folders, names, strict=True)
    ]


def _photos_of(file: Path, out: Path | None, console: Console) -> list[Path]:
    """The file itself, or a folder's files that are photos by content or by name.

    Skips folders of results: those that `--out` names, and the default ones.
    """
    if not file.is_dir():
        return [file]
    if out is not None and out.resolve() == file.resolve():
        raise click.ClickException(f"{out} is the folder of the photos: name another --out")
    results = None if out is None else out.resolve()
    files = [
        path
        for path in sorted(file.rglob("*"))
        if path.is_file()
        and OWN_FOLDER not in path.relative_to(file).parts[:-1]
        and (results is None or results not in path.resolve().parents)
    ]
    photos = [path for path in files if _is_photo(path)]
    if others := len(files) - len(photos):
        console.print(f"{escape_text(str(file))}: {pluralise(others, 'other file')} left out")
    return photos


def _without_results(jobs: Sequence[PhotoJob], console: Console) -> list[PhotoJob]:
    """The photos without results: this continues an interrupted run."""
    left = [job for job in jobs if not job.target.exists()]
    if done := len(jobs) - len(left):
        have = "has" if done == 1 else "have"
        console.print(
            f"{pluralise(done, 'photo')} {have} results already; --replace makes them again"
        )
    return left


def _refuse_existing(paths: Sequence[Path], replace: bool) -> None:
    for path in paths:
        if not replace and path.exists():
            raise FileExistsError(
                errno.EEXIST, "exists already; --replace writes over it", str(path)
            )


def _is_photo(path: Path) -> bool:
    if is_change_map(path.name):
        return False
    if path.suffix.lower() in ENDINGS:
        return True
    try:
        with path.open("rb") as file:
            return sniff(file.read(64)) is not None
    except OSError:
        return False


def _names(photos: Sequence[Path]) -> list[str]:
    """The photos' names. If two would be the same in one folder (ignoring case, as some disks do),
    their ending is added, and a number if that is not enough."""
    stems = Counter(_alike(photo.parent, photo.stem) for photo in photos)
    names, taken = [], set[tuple[Path, str]]()
    for photo in photos:
        alone = stems[_alike(photo.parent, photo.stem)] == 1
        name = photo.stem if alone else f"{photo.stem}-{photo.suffix[1:]}"
        unique, number = name, 2
        while _alike(photo.parent, unique) in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(_alike(photo.parent, unique))
        names.append(unique)
    return names


def _alike(folder: Path, name: str) -> tuple[Path, str]:
    return folder, name.casefold()


def _folder_of(photo: Path, given: Path, out: Path | None) -> Path:
    """The folder of a photo's results; subfolders keep their names."""
    if not given.is_dir():
        return out or photo.parent
    return (out or given / OWN_FOLDER) / photo.parent.relative_to(given)


def _one_target(out: Path | None, default: Path) -> Path:
    """The file that `--out` names, or one in the folder that it names (no ending).

    Raises ClickException for a file that would not be a JPEG by its name.
    """
    if out is None:
        return default
    if out.is_dir() or not out.suffix:
        return out / default.name
    if out.suffix.lower() not in JPEG_ENDINGS:
        name = out.with_suffix(".jpg").name
        raise click.ClickException(f"{out}: the picture is written as a JPEG: name it {name}")
    return out


# ---- the work


def _sheet(jobs: Sequence[PhotoJob], target: Path, settings: Settings, console: Console) -> bool:
    from packshot.enhancers.local.enhancer import options_of
    from packshot.enhancers.local.sheet import contact_sheet
    from packshot.wiring import output_spec

    unusable = []

    def notify(path: Path, words: str) -> None:
        console.print(f"{escape_text(path.name)}: {escape_text(words)}")
        if words != "done":
            unusable.append(path)

    data = contact_sheet(
        [job.photo for job in jobs if job.photo != target],
        options_of(settings),
        output_spec(settings),
        settings.enhanced_images_count,
        notify=notify,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(target, data)
    click.echo(target)
    return not unusable


def _enhance_all(
    jobs: Sequence[PhotoJob], category: str, settings: Settings, replace: bool, console: Console
) -> bool:
    """Enhance photo after photo; a failure is printed, and the next photo follows.

    Raises OSError, before any work, for a folder that can't be made or written.
    """
    from packshot.wiring import choose_enhancer, choose_signing, output_spec

    for folder in {job.target.parent for job in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    pixels = Pixels(settings.pixel_processes)
    failed = 0
    try:
        enhancer = choose_enhancer(settings, NoLedger(), pixels)
        brief = Brief(0, 1, category, settings.enhanced_images_count)
        output, signing = output_spec(settings), choose_signing(settings)
        tools = PhotoEnhancer(enhancer, brief, output, signing, pixels, replace, console)
        for note in enhancer.health().notes:
            console.print(f"note: {escape_text(note)}")
        with bar(console) as progress:
            task = progress.add_task("Photos", total=len(jobs), note="")
            for job in jobs:
                progress.update(task, note=escape_text(job.photo.name))
                failed += not _enhance_one(job, tools)
                progress.advance(task)
    finally:
        pixels.close()
    if failed:
        console.print(f"{pluralise(failed, 'photo')} of {len(jobs)} could not be enhanced.")
    return not failed


@dataclass(frozen=True)
class PhotoEnhancer:
    """The parts that enhance every photo, and the console for notes about it."""

    enhancer: Enhancer
    brief: Brief
    output: imaging.OutputSpec
    signing: Signing | None
    pixels: Pixels
    replace: bool  # results of an earlier run
    console: Console

    def pictures(self, photo: Photo) -> list[Picture]:
        """All variants of the photo."""
        analysis = self.enhancer.analyse(photo, self.brief)
        variants = range(self.brief.wanted)
        return [self.enhancer.generate(photo, analysis, self.brief, each) for each in variants]

    def finish(self, picture: Picture, photo: Photo) -> bytes:
        """The picture as a JPEG, as the server would store it."""
        provenance = picture.provenance()
        finished = self.pixels.run(imaging.finish, picture.data, self.output, provenance)
        return sign_if_made_by_ai(
            finished.data, picture, provenance, photo, self.pixels, self.signing
        )


def _enhance_one(job: PhotoJob, tools: PhotoEnhancer) -> bool:
    try:
        written = _enhance_file(job, tools)
    except PackshotError as error:
        tools.console.print(f"{escape_text(str(job.photo))}: {escape_text(error.message)}")
        return False
    except OSError as error:
        tools.console.print(f"{escape_text(str(job.photo))}: {escape_text(_words(error))}")
        return False
    for path in written:
        click.echo(path)
    return True


def _enhance_file(job: PhotoJob, tools: PhotoEnhancer) -> list[Path]:
    """Write all pictures of one photo; return their paths."""
    copy = tools.pixels.run(imaging.normalise, job.photo.read_bytes())
    photo = Photo(copy.data, copy.mime_type, copy.width, copy.height)
    pictures = tools.pictures(photo)
    finished = [tools.finish(picture, photo) for picture in pictures]
    written = {job.target: tools.pixels.run(join_in_row, [copy.data, *finished])}
    for number, (picture, data) in enumerate(zip(pictures, finished, strict=True), 1):
        path = _path_of(picture, number, job.target, written)
        written[path] = data
        if picture.warning:
            tools.console.print(f"{escape_text(path.name)}: {escape_text(picture.warning)}")
    _refuse_existing(list(written), tools.replace)
    for path, data in reversed(written.items()):  # the target last: it shows that all exist
        _write_whole(path, data)
    return list(written)


def _path_of(picture: Picture, number: int, target: Path, used: Collection[Path]) -> Path:
    """A path beside the target, named after the picture's title, or its number if that is taken."""
    path = target.with_name(f"{target.stem}-{file_name(picture.title, number)}.jpg")
    return target.with_name(f"{target.stem}-{number}.jpg") if path in used else path


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file completely or not at all, even when interrupted."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def file_name(title: str, number: int) -> str:
    """A title as part of a file's name: a model wrote it, so only letters, digits, dashes stay."""
    return re.sub(r"[^\w]+", "-", title)[:40].strip("-_") or str(number)


def join_in_row(pictures: Sequence[bytes]) -> bytes:
    """The pictures in one row of equal height, as a JPEG. Runs in a pixel process."""
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
    """Records nothing: photos on the command line are in no database."""

    def call(self, purchase: Purchase) -> AbstractContextManager[CallRecord]:
        return nullcontext(CallRecord(cost=purchase.expected))
