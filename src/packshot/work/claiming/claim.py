"""A claim as its worker sees it: what it knows of the product, and the picture that it records."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from packshot.database.models import Product, ProductImage, Round
from packshot.enhancers.contract import Brief
from packshot.lanes import Lane
from packshot.work.claiming.round_facts import adjustments_of, batched_variants, complaints_of


class Progress:
    """What a claim has saved, and how long each step took, in seconds; threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.any_saved = False  # then this claim made progress
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def time(self, step: str) -> Iterator[None]:
        """Time a step that succeeds."""
        began = self._clock()
        yield
        with self._lock:
            self.seconds.setdefault(step, []).append(round(self._clock() - began, 3))


@dataclass(frozen=True)
class Claim:
    """A product claimed by a worker, as it was in the database when the claim was taken."""

    product_id: int
    token: str
    attempts: int
    alone: bool  # the process with the last claim died: run nothing else at the same time
    category: str
    raw_image: str
    namespace: str
    submitted_by: str | None  # the name of the key that submitted it
    round: int
    wanted: int
    instructions: str | None
    analysis: dict[str, Any] | None
    analysed_by: str | None  # the enhancer whose analysis it is
    made: frozenset[int]  # variants already recorded
    refused: frozenset[int]  # variants refused for good
    normalised_sha256: str | None = None  # of the stored copy; None: not noted yet
    photo_since: int = 1  # the first round made from the photo
    sku: str | None = None
    view: str | None = None  # of the SKU
    digests: Mapping[int, frozenset[str]] = field(default_factory=dict)  # of pictures, by variant
    warnings: Mapping[str, str] = field(default_factory=dict)  # about pictures, by sha256
    pixel_lock: bool | None = None  # what its batch asks for; None: as PIXEL_LOCK says
    locks: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # of pictures, by sha256
    complaints: tuple[str, ...] = ()  # why the pictures of the previous round were rejected
    adjustments: tuple[str, ...] = ()  # chosen for this redo and those right before it
    lane: Lane = "standard"  # of requests made now; standard once the lane's deadline is past
    answer: str | None = None  # Gemini's, with the analysis, from a batch job
    batched: frozenset[int] = frozenset()  # variants that were requested in a batch job
    progress: Progress = field(default_factory=Progress, compare=False)

    @property
    def missing(self) -> list[int]:
        return [n for n in range(self.wanted) if n not in self.made | self.refused]

    @property
    def key_parts(self) -> tuple[int, str, int, int]:
        """What the keys of its objects are made of: product, namespace, rounds, variants."""
        return self.product_id, self.namespace, self.round, self.wanted

    @property
    def brief(self) -> Brief:
        """What the enhancer needs to know about the product."""
        return Brief(
            product_id=self.product_id,
            round=self.round,
            category=self.category,
            wanted=self.wanted,
            instructions=self.instructions,
            complaints=self.complaints,
            adjustments=self.adjustments,
            lane="flex" if self.lane == "flex" else "standard",
        )


def claim_of(session: Session, product: Product, this_round: Round) -> Claim:
    """What a claim taken now would know about the product, without its token and lane."""
    made = select(ProductImage.variant).where(
        ProductImage.product_id == product.id, ProductImage.round == product.round
    )
    return Claim(
        product_id=product.id,
        token="",
        attempts=product.attempts,
        alone=False,
        category=product.category,
        raw_image=product.raw_image,
        namespace=product.media_namespace or "",
        submitted_by=product.submitted_by,
        round=product.round,
        wanted=this_round.wanted,
        instructions=this_round.instructions,
        analysis=this_round.analysis,
        analysed_by=this_round.enhancer,
        made=frozenset(session.scalars(made)),
        refused=frozenset(entry["variant"] for entry in this_round.refusals or ()),
        normalised_sha256=product.normalised_sha256,
        photo_since=product.photo_since,
        sku=product.sku,
        view=product.view,
        digests={int(n): frozenset(each) for n, each in (this_round.digests or {}).items()},
        warnings=this_round.warnings or {},
        pixel_lock=this_round.pixel_lock,
        locks=this_round.locks or {},
        complaints=complaints_of(session, product, this_round),
        adjustments=adjustments_of(session, product, this_round),
        answer=this_round.answer,
        batched=batched_variants(session, this_round),
    )


@dataclass(frozen=True)
class ImageRecord:
    """The row of a stored picture."""

    variant: int
    image_url: str
    object_key: str
    title: str
    prompt: str
    enhancer: str
    model: str
    width: int
    height: int
    bytes: int
    sha256: str
    warning: str | None
    answer: dict[str, Any] | None = None
    prompt_version: str | None = None
    pixel_lock: dict[str, Any] | None = None
    lock_code: str | None = None
    check_due: ColumnElement[Any] | None = None  # when its fidelity may be checked
