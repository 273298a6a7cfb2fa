"""The worker's story in steps: a test decides who goes on, who stands still, and who dies there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from support.fakes import FakeEnhancer

from packshot.enhancers.contract import Brief
from packshot.errors import NotFound
from packshot.pictures import imaging
from packshot.pictures.child_processes import Pixels
from packshot.pictures.decoding import Header
from packshot.queues.contract import Message
from packshot.storage import LocalStorage
from packshot.work import pipeline
from packshot.work.claiming.claim import Claim, ImageRecord
from packshot.work.claiming.claims import Claims
from packshot.work.making.parts import Parts

T = TypeVar("T")
#: product, round, variant (None: the analysis)
PaidFor = tuple[int, int, int | None]


class Killed(BaseException):
    """kill -9, as far as the story can tell: nothing of it runs any more."""


class Strand(threading.Thread):
    """One worker at one product. It stands still wherever it could be killed or frozen, and only
    goes on while somebody waits for it in `go_on`: never two at a time."""

    def __init__(self, message: Message, claim: Claim, parts: Parts) -> None:
        super().__init__(daemon=True)
        self.message, self.claim, self.parts = message, claim, parts
        self.in_flight: PaidFor | None = None  # asked for, and its answer not yet kept
        self.outcome: BaseException | None = None
        self.over = False
        self._dies = False
        self._turn, self._rest = threading.Semaphore(0), threading.Semaphore(0)
        self.start()

    def run(self) -> None:
        self._turn.acquire()
        try:
            if not self._dies:
                pipeline.run(self.claim, self.parts)
        except BaseException as error:
            self.outcome = error
        self.over = True
        self._rest.release()

    def go_on(self, steps: int) -> None:
        """Let it come to its `steps`-th next stop, or to its end."""
        while steps and not self.over:
            self._turn.release()
            self._rest.acquire()
            steps -= 1

    def die(self) -> None:
        self._dies = True
        self.go_on(1)

    def stop(self) -> None:
        """Called by the story itself, at each step."""
        self._rest.release()
        self._turn.acquire()
        if self._dies:
            raise Killed


def stop() -> Strand:
    """A place in the story where its worker may be killed or frozen."""
    strand = threading.current_thread()
    assert isinstance(strand, Strand)
    strand.stop()
    return strand


@dataclass
class Till(FakeEnhancer):
    """An enhancer whose every call is paid; `asked` is the bill."""

    def _ask(self, brief: Brief, variant: int | None, kind: str) -> None:
        super()._ask(brief, variant, kind)
        strand = threading.current_thread()
        assert isinstance(strand, Strand)
        strand.in_flight = (brief.product_id, brief.round, variant)
        stop()


class Shelf(LocalStorage):
    """Objects in memory. Every method is a separate step."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes, content_type: str) -> None:
        strand = stop()
        self.objects[key] = data
        if key.startswith("answers/"):
            strand.in_flight = None  # it is kept

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        stop()
        return self.objects.setdefault(key, data) is data

    def get(self, key: str) -> bytes:
        stop()
        if key not in self.objects:
            raise NotFound(key)
        return self.objects[key]

    def exists(self, key: str) -> bool:
        stop()
        return key in self.objects

    def delete(self, keys: Sequence[str]) -> None:
        stop()
        for key in keys:
            self.objects.pop(key, None)


class SteppedClaims(Claims):
    """What a strand writes, with a step before each."""

    def save_analysis(self, claim: Claim, enhancer: str, analysis: dict[str, Any]) -> None:
        strand = stop()
        super().save_analysis(claim, enhancer, analysis)
        strand.in_flight = None  # it is kept

    def record_image(self, claim: Claim, image: ImageRecord) -> None:
        stop()
        super().record_image(claim, image)

    def complete(self, claim: Claim) -> None:
        stop()
        super().complete(claim)


class Instant(Pixels):
    """No pixels: a picture is what it was, without previews."""

    def run(self, function: Callable[..., T], *args: object, **seconds: float | None) -> T:
        if function is imaging.make_previews:
            return cast(T, {})
        if function is imaging.read_header:
            return cast(T, Header("image/jpeg", 1, 1, False, False, False, ()))
        return cast(T, imaging.Encoded(cast(bytes, args[0]), "image/jpeg", 1, 1, {}))


def parts_of(claims: Claims) -> Parts:
    """The whole story, but for its pixels and its network."""
    return Parts(
        claims=SteppedClaims(claims.database, claims.lease_seconds, claims.wanted),
        read_raw=lambda url: b"a photo",
        storage=Shelf(),
        pixels=Instant(),
        enhancer=Till(),
        output=imaging.OutputSpec(),
    )
