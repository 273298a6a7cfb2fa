"""A contact sheet of before and after: every photo of a folder with its variants beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from packshot.enhancers.local import findings, recipes
from packshot.enhancers.local.colour import Bytes, resize
from packshot.enhancers.local.findings import Method
from packshot.errors import PictureError
from packshot.pictures.imaging import encode_array, normalise, sniff

GAP, CAPTION = 10, 34  # px
GROUND = 232  # grey around the pictures, so that white canvases show their edge
INK = (40, 40, 40)


def photos_in(folder: Path) -> list[Path]:
    """The pictures of a folder, by content, in name order."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [path for path in files if sniff(path.read_bytes())]


def contact_sheet(
    photos: Iterable[Path],
    wanted: int = 3,
    method: Method = "classical",
    tile: int = 320,
    told: Callable[[Path, str], None] = lambda path, words: None,
) -> bytes:
    """One JPEG: a row per photo, the raw one first. `told` hears of each photo's outcome.

    A photo that can't be used gets no row; `told` hears why. Raises PictureError when none could.
    """
    rows = []
    for path in photos:
        try:
            rows.append(_row(path, wanted, method, tile))
            told(path, "done")
        except PictureError as error:
            told(path, error.message)
    if not rows:
        raise PictureError("None of the files is a picture that Packshot can use.")
    return encode_array(np.vstack(rows), quality=88)


def _row(path: Path, wanted: int, method: Method, tile: int) -> Bytes:
    found = findings.look(normalise(path.read_bytes()).data, method)
    plans = recipes.plan(found, wanted)
    cells = [_cell(found.rgb, path.name, found.why, tile)]
    cells += [_cell(recipes.make(found, p.title), p.title, "", tile) for p in plans]
    cells += [_cell(None, "", "", tile)] * (wanted - len(plans))
    return np.hstack(cells)


def _cell(picture: Bytes | None, title: str, note: str, tile: int) -> Bytes:
    cell = np.full((tile + CAPTION + GAP, tile + GAP, 3), GROUND, np.uint8)
    for line, words in enumerate((title, note)):
        size = 0.42 if line == 0 else 0.33
        where = (4, 13 + 14 * line)
        cv2.putText(cell, words[:56], where, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)
    if picture is not None:
        scale = tile / max(picture.shape[:2])
        width, height = (max(1, round(n * scale)) for n in (picture.shape[1], picture.shape[0]))
        small = resize(picture, width, height)
        top, left = CAPTION + (tile - height) // 2, (tile - width) // 2
        cell[top : top + height, left : left + width] = small
    return cell
