"""The local enhancer: catalogue pictures by classical means, without a model or a network."""

from __future__ import annotations

from typing import cast

from packshot.enhancers.contract import (
    NOTHING_KEPT,
    Analysis,
    Answers,
    Brief,
    Enhancer,
    Health,
    Photo,
    Picture,
    RunPixels,
)
from packshot.enhancers.local import darkroom
from packshot.errors import EnhancerError
from packshot.settings import Settings

MODEL = "classical-1"


class LocalEnhancer(Enhancer):
    """Plans and makes every variant in a pixel child; deterministic for a given photo."""

    name = "local"
    parallel = False

    def __init__(self, settings: Settings, run_pixels: RunPixels) -> None:
        self._cutout = settings.cutout
        self._run = run_pixels

    def analyse(self, photo: Photo, brief: Brief) -> Analysis:
        """One child call: decode, measure, and plan `brief.wanted` variants with their reasons."""
        return cast(Analysis, self._run(darkroom.analyse, photo.data, brief.wanted, self._cutout))

    def generate(
        self,
        photo: Photo,
        analysis: Analysis,
        brief: Brief,
        variant: int,
        answers: Answers = NOTHING_KEPT,
    ) -> Picture:
        """One child call: make the planned variant. Raises EnhancerError when none was planned."""
        if variant >= len(analysis.variants):
            raise EnhancerError(
                f"Product {brief.product_id} has no plan for variant {variant + 1}; "
                "ask for the enhancement again.",
                retryable=False,
            )
        wanted = analysis.variants[variant]
        data, warning = cast(
            tuple[bytes, str | None],
            self._run(darkroom.make, photo.data, wanted.title, self._cutout),
        )
        return Picture(data, wanted.title, wanted.prompt, MODEL, warning if variant == 0 else None)

    def health(self) -> Health:
        """Always able to work, but for a cut-out network that is asked for and missing."""
        if self._cutout != "rembg":
            return Health(ok=True)
        from packshot.enhancers.local import cutout_rembg  # with NumPy and OpenCV

        problem = cutout_rembg.problem()
        return Health(ok=problem is None, problem=problem)

    def check(self) -> Health:
        """There is no service to ask."""
        return self.health()
