"""The parts that the pipeline works with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from packshot.enhancers.contract import Enhancer
from packshot.errors import Stopping, WaitsForBatch
from packshot.pictures.child_processes import Pixels
from packshot.pictures.imaging import OutputSpec
from packshot.pictures.signing import Signing
from packshot.storage import Storage
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import Claims
from packshot.work.keep_trying import KeepTrying
from packshot.work.making.pixel_lock import PixelLock


@dataclass(frozen=True)
class Parts:
    """The parts that the pipeline uses; `wiring.py` chooses the implementations."""

    claims: Claims
    read_raw: Callable[[str], bytes]  # raw image URL -> bytes, guarded and limited
    storage: Storage
    pixels: Pixels
    enhancer: Enhancer
    output: OutputSpec
    signing: Signing | None = None  # the operator's certificate for C2PA
    reference_views: int = 0  # other views of a SKU that the enhancer looks at
    locking: PixelLock = field(default_factory=PixelLock)
    with_checks: bool = False  # whether recorded pictures get a fidelity check
    #: Repeats the saving of paid answers.
    keep_trying: KeepTrying = field(default_factory=KeepTrying)
    #: For raw images in our own storage, see `normalised_copy.limit_own_readers`.
    own_readers: threading.Semaphore = field(default_factory=partial(threading.Semaphore, 2))
    batches: bool = False  # whether requests of the batch lane go into batch jobs
    #: Set when this process is about to end.
    stopping: threading.Event = field(default_factory=threading.Event)

    def defer_to_batch_job(self, claim: Claim, variants: Sequence[int]) -> None:
        """Raises WaitsForBatch if some of these variants must still be requested in a batch job."""
        if self.batches and claim.lane == "batch":
            new = [variant for variant in variants if variant not in claim.batched]
            if new:
                raise WaitsForBatch(new)

    def check_before_paying(self, claim: Claim) -> None:
        """Raises Stopping or LostClaim if no more paid calls are allowed."""
        if self.stopping.is_set():
            raise Stopping()
        self.claims.check(claim)
