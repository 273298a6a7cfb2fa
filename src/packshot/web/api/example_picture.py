"""The enhanced picture of the OpenAPI document's examples: checked, refused a lock, made again."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from packshot.fidelity.verdicts import Placement, Reason
from packshot.products.answers.fidelity import FidelityOut, PixelLockOut
from packshot.products.answers.products import ImageOut
from packshot.products.answers.takes import RemakeOut, TakeOut
from packshot.products.object_keys import changes_key, previews

READY_AT: Final = datetime(2026, 11, 23, 10, 0, 40, tzinfo=UTC)
ENHANCED: Final = "enhanced/123/6f1f7a0e-5a43-5e0b-8f5e-2f0d4b1c9a77.jpg"

CHECKED: Final = FidelityOut(
    verdict="fail",
    score=0.041,
    reasons=[
        Reason(
            code="text",
            words='printed text differs: "LAGOON" reads "LAGON"',
            raw=[0.31, 0.42, 0.58, 0.49],
            enhanced=[0.28, 0.4, 0.6, 0.48],
            fact='the label reads exactly "LAGOON"',
        )
    ],
    measures={"stretch": 0.12, "letters": 0.1667},
    judged=0.86,
    lines=3,
    placement=Placement(box=[-0.12, -0.08, 1.14, 1.18], degrees=0.0),
    change_map=f"/media/{changes_key(ENHANCED)}",
    judge=None,
    version="2026-11-28",
)

#: What the picture and its current take share.
MADE: Final[dict[str, Any]] = {
    "media_url": f"/media/{ENHANCED}",
    "previews": previews(ENHANCED, 1024, 1024),
    "prompt": "Place this phone on pure white, lit softly from the left.",
    "model": "gemini-nano-banana-2.1",
    "width": 1024,
    "height": 1024,
    "bytes": 214_683,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "fidelity": CHECKED,
    "cost": Decimal("0.0390"),
    "removed_at": None,
}
FIRST_TAKE: Final = TakeOut(
    **MADE,
    number=1,
    state="measured",
    outcome=None,
    stands=True,
    facts=[],
    opened_at=READY_AT,
)
SECOND_TAKE: Final = FIRST_TAKE.model_copy(
    update={
        **dict.fromkeys(MADE),
        "previews": {},
        "number": 2,
        "state": "waiting",
        "stands": False,
        "facts": ['the label reads exactly "LAGOON"'],
    }
)
PICTURE: Final = ImageOut(
    **MADE,
    id=456,
    product_id=123,
    image_url=f"https://kivoa.s3.ap-south-1.amazonaws.com/{ENHANCED}",
    status="pending",
    round=1,
    variant=0,
    title="Clean white",
    alt_text="Phone, smartphone, black, glass, front view",
    enhancer="gemini",
    warning=None,
    doubt='Printed text differs: "LAGOON" reads "LAGON"',
    pixel_lock=PixelLockOut(
        locked=False,
        code="turned",
        words="the product was turned by 2.4°",
        measures={"turned": 2.4},
    ),
    reason=None,
    remake=RemakeOut(going_on=True, words="being made again", takes=[FIRST_TAKE, SECOND_TAKE]),
    created_at=READY_AT,
    updated_at=READY_AT,
)
