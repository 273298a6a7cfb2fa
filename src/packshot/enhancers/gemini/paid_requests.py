"""Builds the paid requests to Gemini."""

from __future__ import annotations

from dataclasses import dataclass

from packshot.enhancers.contract import Analysis, Brief, Photo, Views
from packshot.enhancers.gemini import judge, prompts
from packshot.enhancers.gemini.client import Request
from packshot.enhancers.gemini.photos import ShrunkPhotos
from packshot.settings import Settings

#: The most bytes of all other views in one request. Google takes 100 MB (its changelog of
#: 2026-01-08); a shrunk photo has 0.2 to 1.5 MB, and each is sent with every call for the product.
MAX_REFERENCE_BYTES = 6_000_000


@dataclass(frozen=True)
class PaidRequest:
    """One paid request, and who it is for."""

    kind: str  # "analysis", "picture", "remake" or "judge"
    request: Request
    brief: Brief
    variant: int | None
    subject: str  # for messages: "picture 2 of product 12"


class PaidRequests:
    """Builds the paid requests from the photo, the analysis and the settings."""

    def __init__(
        self, settings: Settings, photos: ShrunkPhotos, model: str, image_model: str
    ) -> None:
        self._settings, self._photos = settings, photos
        self.model, self.image_model = model, image_model
        self.size = settings.enhanced_image_size
        self.most_references = settings.gemini_reference_views

    def analysis(self, photo: Photo, brief: Brief, remark: str | None = None) -> PaidRequest:
        """The request that reads the photo; `remark` says what was wrong with the last answer."""
        views, references = self._references(photo)
        request = Request(
            model=self.model,
            photo=self._photos.shrink(photo),
            words=prompts.analysis_words(brief, remark, views),
            references=references,
            call=f"{brief.product_id}/{brief.round}/analysis",
            system=prompts.ANALYSIS_SYSTEM,
            schema=prompts.analysis_schema(brief.wanted),
            lane=brief.lane,
        )
        return PaidRequest(
            "analysis", request, brief, None, f"the analysis of product {brief.product_id}"
        )

    def picture(self, photo: Photo, analysis: Analysis, brief: Brief, variant: int) -> PaidRequest:
        """The request that makes a picture from the original photo; another take is a `remake`."""
        views, references = self._references(photo)
        request = Request(
            model=self.image_model,
            photo=self._photos.shrink(photo),
            words=prompts.picture_words(analysis, brief, variant, views),
            references=references,
            call=f"{brief.product_id}/{brief.round}/{variant}{_take(brief)}",
            aspect=self._settings.enhanced_image_aspect,
            size=self.size,
            lane=brief.lane,
        )
        subject = f"picture {variant + 1} of product {brief.product_id}"
        kind = "picture" if brief.take == 1 else "remake"
        return PaidRequest(kind, request, brief, variant, subject)

    def judgement(
        self, a: Views, b: Views, brief: Brief, variant: int, *, swapped: bool = False
    ) -> PaidRequest:
        """The request that compares two pictures of a product; each order is a call of its own."""
        order = "swapped" if swapped else "judge"
        pictures = tuple(view for both in zip(a, b, strict=True) for view in both)
        request = Request(
            model=self._settings.fidelity_judge_model,
            photo=pictures[0],
            words=judge.words(places=len(pictures) > 2),
            references=pictures[1:],
            call=f"{brief.product_id}/{brief.round}/{variant}{_take(brief)}/{order}",
            system=judge.SYSTEM,
            schema=judge.schema(),
        )
        subject = f"the comparison of picture {variant + 1} of product {brief.product_id}"
        return PaidRequest("judge", request, brief, variant, subject)

    def _references(self, photo: Photo) -> tuple[list[str | None], tuple[bytes, ...]]:
        """The other views that fit into a request, after their names."""
        views: list[str | None] = []
        references: list[bytes] = []
        for other in photo.others:
            data = self._photos.shrink(other)
            if sum(map(len, references)) + len(data) <= MAX_REFERENCE_BYTES:
                views.append(other.view)
                references.append(data)
        return views, tuple(references)


def _take(brief: Brief) -> str:
    """What tells the calls of another take apart from those of the first."""
    return "" if brief.take == 1 else f"/take{brief.take}"
