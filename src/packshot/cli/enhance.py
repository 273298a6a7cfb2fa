"""`packshot enhance`: one photo enhanced here and now, shown beside the original."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from pathlib import Path

import click

from packshot import logs
from packshot.enhancers.contract import Brief, CallRecord, Enhancer, Photo, Picture
from packshot.errors import PackshotError
from packshot.pictures import imaging
from packshot.pictures.child_processes import Pixels
from packshot.serving import load_environment
from packshot.settings import Settings, load_settings

SHEET_HEIGHT = 720


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="A file or a folder; default: beside it."
)
@click.option("--category", default="product", show_default=True, help="What it is.")
@click.option("--sheet", is_flag=True, help="One contact sheet of several photos or folders.")
def enhance(files: tuple[Path, ...], out: Path | None, category: str, sheet: bool) -> None:
    """Enhance a photo with the configured enhancer, without a server or a database.

    Writes NAME-enhanced.jpg, the original and its variants side by side, and each variant in full
    size. With --sheet, the local enhancer's before and after of every photo, and of every photo
    in a folder, go into one picture.
    """
    if len(files) > 1 and not sheet:
        raise click.UsageError("several photos go together with --sheet")
    logs.configure()
    load_environment()
    try:
        settings = load_settings()
        if sheet:
            written = [_sheet(files, _target(out, Path("sheet.jpg")), settings)]
        else:
            target = _target(out, files[0].with_name(f"{files[0].stem}-enhanced.jpg"))
            written = _enhance_file(files[0], target, category, settings)
    except PackshotError as error:
        raise click.ClickException(error.message) from error
    for path in written:
        click.echo(path)


def _target(out: Path | None, default: Path) -> Path:
    if out is None:
        return default
    return out / default.name if out.is_dir() else out


def _sheet(files: Sequence[Path], target: Path, settings: Settings) -> Path:
    from packshot.enhancers.sheet import contact_sheet, photos_in

    photos = [photo for file in files for photo in (photos_in(file) if file.is_dir() else [file])]
    data = contact_sheet(
        [photo for photo in photos if photo != target],
        settings.enhanced_images_count,
        settings.cutout,
        told=lambda path, words: click.echo(f"{path.name}: {words}", err=True),
    )
    target.write_bytes(data)
    return target


def _enhance_file(file: Path, target: Path, category: str, settings: Settings) -> list[Path]:
    from packshot.wiring import choose_enhancer, output_spec

    pixels = Pixels(settings.pixel_processes)
    try:
        copy = pixels.run(imaging.normalise, file.read_bytes())
        photo = Photo(copy.data, copy.mime_type, copy.width, copy.height)
        enhancer = choose_enhancer(settings, NoLedger(), pixels)
        brief = Brief(0, 1, category, settings.enhanced_images_count)
        pictures = _pictures(enhancer, photo, brief)
        output = output_spec(settings)
        finished = [pixels.run(imaging.finish, picture.data, output) for picture in pictures]
        side_by_side = pixels.run(beside, [copy.data, *(one.data for one in finished)])
    finally:
        pixels.close()
    target.write_bytes(side_by_side)
    written = [target]
    for number, (picture, one) in enumerate(zip(pictures, finished, strict=True), 1):
        path = target.with_name(f"{target.stem}-{file_name(picture.title, number)}.jpg")
        if path in written:
            path = target.with_name(f"{target.stem}-{number}.jpg")
        path.write_bytes(one.data)
        written.append(path)
    return written


def file_name(title: str, number: int) -> str:
    """A title as part of a file's name. A model wrote it: only letters, digits and dashes stay."""
    return re.sub(r"[^\w]+", "-", title)[:40].strip("-_") or str(number)


def _pictures(enhancer: Enhancer, photo: Photo, brief: Brief) -> list[Picture]:
    analysis = enhancer.analyse(photo, brief)
    return [enhancer.generate(photo, analysis, brief, number) for number in range(brief.wanted)]


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


class NoLedger:
    """One photo at the command line is not kept in any database."""

    def call(
        self, kind: str, model: str, brief: Brief, variant: int | None, expected: Decimal | None
    ) -> AbstractContextManager[CallRecord]:
        return nullcontext(CallRecord(cost=expected))
