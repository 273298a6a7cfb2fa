"""The step between generating and finishing a picture: the pixel lock. If it fails, the picture is
finished without it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from packshot.enhancers.contract import Analysis, Photo, Picture
from packshot.errors import PictureError, Unavailable
from packshot.fidelity.jobs import lock_pixels
from packshot.fidelity.locks import LockResult, is_see_through, no_lock
from packshot.pictures import model_file
from packshot.pictures.child_processes import Pixels
from packshot.pictures.imaging import OutputSpec
from packshot.pictures.provenance import Provenance

log = logging.getLogger("packshot.fidelity")


@dataclass(frozen=True)
class PixelLock:
    """`on`: pictures are locked unless their batch says otherwise; `network` is the cut-out
    network's file."""

    on: bool = False
    network: Path = field(default_factory=lambda: model_file.model_path(None))

    def run(
        self,
        photo: Photo,
        analysis: Analysis,
        picture: Picture,
        provenance: Provenance,
        spec: OutputSpec,
        pixels: Pixels,
    ) -> LockResult:
        """Lock a picture, or say why not. Raises Unavailable when this process ends."""
        if not model_file.is_present(self.network):
            return LockResult(no_lock("no_network"))
        if is_see_through(analysis.material):
            return LockResult(no_lock("see_through"))
        job = (photo.data, picture.data, spec, provenance, self.network)
        try:
            return pixels.run(lock_pixels, *job)
        except Unavailable:
            raise
        except PictureError as error:
            log.warning("a picture is not locked: %s", error.message)
        except Exception:
            log.exception("unexpected error in a pixel lock")
        return LockResult(no_lock("failed"))
