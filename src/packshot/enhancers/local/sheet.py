"""A contact sheet of before and after: every photo of a folder with its variants beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from packshot.enhancers.local import findings, recipes
from packshot.enhancers.local.options import PictureOptions
from packshot.errors import PictureError
from packshot.pictures.arrays import Bytes, resize, size_at
from packshot.pictures.imaging import (
    OutputSpec,
    encode_array,
    finish,
    normalise,
    to_array,
)

GAP, CAPTION, LINE = 10, 62, 14  # px
NOTE_LINES = 3
TITLE_SIZE, NOTE_SIZE = 0.42, 0.33  # of OpenCV's font
BACKGROUND = 232  # grey around the pictures, so that white canvases show their edge
INK = (40, 40, 40)


def contact_sheet(
    photos: Iterable[Path],
    options: PictureOptions,
    output: OutputSpec,
    wanted: int = 3,
    tile: int = 320,
    notify: Callable[[Path, str], None] = lambda path, words: None,
) -> bytes:
    """One JPEG: a row per photo, the raw one first, each variant as the server would finish it.

    A photo that can't be used gets no row; `notify` is called with each photo's outcome. Raises
    PictureError when none could be used.
    """
    rows = []
    for path in photos:
        try:
            rows.append(_row(path, options, output, wanted, tile))
            notify(path, "done")
        except (PictureError, OSError) as error:
            notify(path, getattr(error, "message", None) or str(error))
    if not rows:
        raise PictureError("None of the files is a picture that Packshot can use.")
    return encode_array(np.vstack(rows), quality=88)


def _row(path: Path, options: PictureOptions, output: OutputSpec, wanted: int, tile: int) -> Bytes:
    found = findings.measure(normalise(path.read_bytes()).data, options)
    plans = recipes.plan(found, wanted)
    cells = [_cell(found.rgb, path.name, found.why, tile)]
    for plan in plans:
        made = recipes.make(found, plan.title)
        words = recipes.warning(found, plan.title, made) or ""
        finished = to_array(finish(encode_array(made.picture), output).data)
        cells.append(_cell(finished, plan.title, words, tile))
    cells += [_cell(None, "", "", tile)] * (wanted - len(plans))
    return np.hstack(cells)


def _cell(picture: Bytes | None, title: str, note: str, tile: int) -> Bytes:
    cell = np.full((tile + CAPTION + GAP, tile + GAP, 3), BACKGROUND, np.uint8)
    lines = [(title, TITLE_SIZE), *((words, NOTE_SIZE) for words in wrap(note, tile))]
    for number, (words, size) in enumerate(lines):
        where = (4, 13 + LINE * number)
        cv2.putText(cell, words, where, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)
    if picture is not None:
        scale = tile / max(picture.shape[:2])
        width, height = size_at(picture, scale)
        small = resize(picture, width, height)
        top, left = CAPTION + (tile - height) // 2, (tile - width) // 2
        cell[top : top + height, left : left + width] = small
    return cell


def wrap(note: str, width: int) -> list[str]:
    """The note in lines of whole words, at most `width` px wide; "..." if it has more of them."""
    lines = [""]
    for word in note.split():
        longer = f"{lines[-1]} {word}".strip()
        if _width(longer) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < NOTE_LINES:
            lines.append(word)
        else:
            kept = lines[-1].split()
            while len(kept) > 1 and _width(" ".join(kept) + " ...") > width:
                kept.pop()
            return [*lines[:-1], " ".join(kept) + " ..."]
    return lines


def _width(words: str) -> int:
    return int(cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, NOTE_SIZE, 1)[0][0])
