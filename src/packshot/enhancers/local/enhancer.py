"""The local enhancer: catalogue pictures made on this machine, without any service."""

from __future__ import annotations

from typing import cast

from packshot.enhancers.contract import (
    NO_ANSWERS,
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
from packshot.enhancers.local.options import PictureOptions
from packshot.errors import EnhancerError
from packshot.pictures import model_file
from packshot.settings import Settings

MODEL = "local-2"


class LocalEnhancer(Enhancer):
    """Plans and makes every variant in a pixel process; a photo always gives the same pictures."""

    name = "local"
    parallel = False
    sees_side: int | None = None

    def __init__(self, settings: Settings, run_pixels: RunPixels) -> None:
        self._settings = settings
        self._run = run_pixels

    def analyse(self, photo: Photo, brief: Brief, answer: str | None = None) -> Analysis:
        """One job: decode, measure, and plan `brief.wanted` variants with their reasons."""
        options = options_of(self._settings, brief.adjustments)
        return cast(Analysis, self._run(darkroom.analyse, photo.data, brief.wanted, options))

    def generate(
        self,
        photo: Photo,
        analysis: Analysis,
        brief: Brief,
        variant: int,
        answers: Answers = NO_ANSWERS,
    ) -> Picture:
        """One job: make the planned variant. Raises EnhancerError when there is no plan for it."""
        if variant >= len(analysis.variants):
            raise EnhancerError(
                f"Product {brief.product_id} has no plan for variant {variant + 1}; "
                "ask for the enhancement again.",
                retryable=False,
            )
        wanted = analysis.variants[variant]
        options = options_of(self._settings, brief.adjustments)
        data, warning = cast(
            tuple[bytes, str | None],
            self._run(darkroom.make, photo.data, wanted.title, options),
        )
        return Picture(data, wanted.title, wanted.prompt, MODEL, warning)

    def health(self) -> Health:
        """Works always, except with CUTOUT=rembg when rembg or its weights are missing."""
        method, model = self._settings.cutout, model_file.model_path(self._settings.model_dir)
        if method == "network" and not model_file.is_present(model):
            return Health(notes=(model_file.missing_note(model),))
        if method != "rembg":
            return Health()
        from packshot.enhancers.local.cut import with_rembg  # with NumPy and OpenCV

        problem = with_rembg.problem()
        return Health(problem)

    def check(self) -> Health:
        """There is no service to check."""
        return self.health()


def options_of(settings: Settings, adjustments: tuple[str, ...] = ()) -> PictureOptions:
    """What the settings and a reviewer ask for. Without the network's file the classical methods
    are used, and `health` says so."""
    method, model = settings.cutout, model_file.model_path(settings.model_dir)
    if method == "network" and not model_file.is_present(model):
        method = "classical"
    across, down = settings.enhanced_image_aspect.split(":")
    return PictureOptions(method, model, int(across) / int(down), adjustments)
