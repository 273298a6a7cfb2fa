"""Writes a picture's origin as metadata into the picture itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from html import escape  # xml.sax.saxutils imports HTTP, which costs each pixel process 2.5 MB
from typing import Final

from packshot.errors import PictureError

#: The addresses of IPTC's terms (cv.iptc.org/newscodes/digitalsourcetype).
DIGITAL_SOURCE_TYPE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
#: A real product in a picture that a generative model completed.
COMPLETED_BY_A_MODEL: Final = "compositeWithTrainedAlgorithmicMedia"
#: A photo edited by algorithms that generate nothing.
EDITED: Final = "algorithmicallyEnhanced"
_MADE_HERE: Final = re.compile(rb'xmp:CreatorTool="Packshot(?: \(|")')


@dataclass(frozen=True)
class Provenance:
    """`source_type` is one of IPTC's terms; `model` made or edited the picture at `made_at`."""

    source_type: str
    model: str | None = None
    made_at: datetime | None = None

    def as_xmp(self) -> bytes:
        """IPTC's DigitalSourceType (Photo Metadata Standard 2023.1), XMP's creator tool and date.

        The same bytes for the same facts.
        """
        tool = f"Packshot ({self.model})" if self.model else "Packshot"
        fields = {
            "Iptc4xmpExt:DigitalSourceType": DIGITAL_SOURCE_TYPE + self.source_type,
            "xmp:CreatorTool": "".join(each for each in tool if each.isprintable()),
        }
        if self.made_at is not None:
            fields["xmp:CreateDate"] = self.made_at.isoformat(timespec="seconds")
        written = " ".join(f'{name}="{escape(value)}"' for name, value in fields.items())
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" '
            'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
            f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" {written}/>'
            '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
        ).encode()


def check_not_made_here(data: bytes) -> None:
    """Raises PictureError for one of Packshot's own pictures, of an unpacked export or a
    shop's media library: as a photo it would replace the one it was made from."""
    if _MADE_HERE.search(data):
        raise PictureError(
            "Packshot made this picture; give the photo that it was made from.",
            code="picture_made_here",
        )
