"""Writes docs/images/before-after.jpg: ordinary photos, a hard one among them, as the server
would show them. Needs the cut-out network (`packshot cutout-model`)."""

from __future__ import annotations

from pathlib import Path

from packshot.enhancers.local.options import PictureOptions
from packshot.enhancers.local.sheet import contact_sheet
from packshot.pictures import model_file
from packshot.pictures.imaging import OutputSpec

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = ROOT / "samples" / "photos"
#: A light product on light paper, a pair on a floor, a product in poor light; and a hard one:
#: among other things on a table, where the background is kept.
SHOWN = (
    "sneaker-paper-offcentre",
    "shoe-pair-floor",
    "cushion-underexposed",
    "tin-cluttered-tilted",
)


def main() -> None:
    model = model_file.model_path(None)
    if not model_file.is_present(model):
        raise SystemExit(model_file.missing_note(model))
    photos = [PHOTOS / f"{name}.jpg" for name in SHOWN]
    sheet = contact_sheet(
        photos, PictureOptions("network", model, 1.0), OutputSpec(aspect="1:1"), tile=280
    )
    (ROOT / "docs" / "images" / "before-after.jpg").write_bytes(sheet)


if __name__ == "__main__":
    main()
