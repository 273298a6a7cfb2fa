"""Why a picture is rejected: the reasons a reviewer can give, and the one that Packshot gives."""

from __future__ import annotations

from typing import Final, Literal

RejectionReason = Literal["wrong_product", "colour", "text_damaged", "edges", "background", "other"]

#: The words for each reason, in the order of their numbers at the desk.
REASON_WORDS: Final[dict[RejectionReason, str]] = {
    "wrong_product": "Wrong product",
    "colour": "Colour",
    "text_damaged": "Text damaged",
    "edges": "Edges",
    "background": "Background",
    "other": "Other",
}
#: A redo closed the picture's round before anyone decided on it.
SUPERSEDED: Final = "superseded"
