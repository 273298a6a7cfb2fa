"""Hand-written stand-ins for the parts a test wants to steer."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from packshot.enhancers.contract import (
    NO_ANSWERS,
    Analysis,
    Answers,
    Brief,
    Health,
    Photo,
    Picture,
    VariantPlan,
)
from packshot.errors import Unavailable
from packshot.pictures import imaging
from packshot.products.answers.products import FullProduct
from packshot.products.catalog import Catalog
from packshot.products.intake.batch import Created
from packshot.products.seller_fields import NewProduct
from packshot.queues.contract import Depth, Message


def photo_bytes(seed: int = 1, side: int = 120) -> bytes:
    """A small JPEG with something on it."""
    chance = np.random.default_rng(seed)
    pixels = np.full((side, side, 3), 200, np.uint8)
    pixels[side // 4 : -side // 4, side // 4 : -side // 4] = chance.integers(0, 255, 3)
    pixels += chance.integers(0, 8, pixels.shape, dtype=np.uint8)
    return imaging.encode_array(pixels)


def analysis_of(wanted: int) -> Analysis:
    return Analysis(
        product="a box",
        shape="square",
        colours=["red"],
        material="card",
        parts=["1 lid"],
        label_text=["ACME"],
        logo="",
        faults=[],
        variants=[VariantPlan(title=f"plan {n}", prompt=f"make {n}") for n in range(wanted)],
    )


@dataclass
class FakeEnhancer:
    """Counts its calls, and fails as planned: `plan(kind, variant)` may raise."""

    plan: Callable[[str, int | None], None] = lambda kind, variant: None
    name: str = "local"
    parallel: bool = False
    sees_side: int | None = None
    made_by_ai: bool = False
    paint: Callable[[int], bytes] = photo_bytes
    warning: str | None = None  # of every picture
    asked: Counter[tuple[int, int, int | None]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _ask(self, brief: Brief, variant: int | None, kind: str) -> None:
        with self.lock:
            self.asked[brief.product_id, brief.round, variant] += 1
        self.plan(kind, variant)

    def analyse(self, photo: Photo, brief: Brief, answer: str | None = None) -> Analysis:
        self._ask(brief, None, "analysis")
        return analysis_of(brief.wanted)

    def generate(
        self,
        photo: Photo,
        analysis: Analysis,
        brief: Brief,
        variant: int,
        answers: Answers = NO_ANSWERS,
    ) -> Picture:
        plan = analysis.variants[variant]
        picture = answers.take()
        if picture is None:
            self._ask(brief, variant, "picture")
            picture = self.paint(variant)
            answers.keep(picture)
        return Picture(
            picture, plan.title, plan.prompt, "fake-1", self.warning, made_by_ai=self.made_by_ai
        )

    def health(self) -> Health:
        return Health()

    def check(self) -> Health:
        return self.health()


@dataclass
class FakeQueue:
    """A queue in memory that can be unreachable and records its calls."""

    name: str = "fake"
    is_external: bool = True
    wait_seconds: float = 0.0
    waiting: list[int] = field(default_factory=list)
    extended: list[tuple[int, float]] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    trouble: BaseException | None = None
    refuses: set[int] = field(default_factory=set)

    def send(self, product_ids: Sequence[int]) -> set[int]:
        if self.trouble:
            raise self.trouble
        taken = set(product_ids) - self.refuses
        self.waiting += sorted(taken)
        return taken

    def lease(self, limit: int) -> list[Message]:
        if self.trouble:
            raise self.trouble
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return [Message(number, f"handle-{number}") for number in taken]

    def extend(self, messages: Sequence[Message], seconds: float) -> list[Message]:
        self.extended += [(message.product_id, seconds) for message in messages]
        return []

    def done(self, messages: Sequence[Message]) -> None:
        self.finished += [message.product_id for message in messages]

    def depth(self) -> Depth:
        return Depth(len(self.waiting), 0, 0, None)

    def health(self) -> str | None:
        return None


class SentCatalog(Catalog):
    """Returns after the queue was sent to; in production that happens beside the request."""

    def create(self, products: Sequence[NewProduct], **options: Any) -> Created:
        created = super().create(products, **options)
        self.sender.flush()
        return created

    def enhance(self, product_id: int, **options: Any) -> FullProduct:
        changed = super().enhance(product_id, **options)
        self.sender.flush()
        return changed


class SlowQueue(FakeQueue):
    """Accepts nothing before its gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.sizes: list[int] = []
        self.untold: Unavailable | None = None  # why it does not say how full it is

    def send(self, product_ids: Sequence[int]) -> set[int]:
        self.gate.wait(20)
        self.sizes.append(len(product_ids))
        return super().send(product_ids)

    def depth(self) -> Depth:
        if self.untold:
            raise self.untold
        return super().depth()
