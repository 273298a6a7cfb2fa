"""The contract of an enhancer: it analyses a photo once and makes one picture per variant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import BinaryIO, Final, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from packshot.enhancers.adjustments import ADJUSTMENTS
from packshot.lanes import Lane
from packshot.pictures.provenance import COMPLETED_BY_A_MODEL, EDITED, Provenance


@dataclass(frozen=True)
class Photo:
    """The normalised copy, at most 4,096 px on its long side (see `imaging.normalise`), or the
    smaller one that was made of it for the enhancer (see `Enhancer.sees_side`). Width and height
    are those of the upright picture.

    `others` show the same product from other sides, for an enhancer that looks at them; `view` is
    what the seller calls the side of such a one.
    """

    data: bytes  # JPEG, or PNG when it has alpha
    mime_type: str
    width: int
    height: int
    view: str | None = None
    others: tuple[Photo, ...] = ()


@dataclass(frozen=True)
class Brief:
    """The request: one round of `wanted` variants of one product."""

    product_id: int
    round: int
    category: str
    wanted: int
    instructions: str | None = None  # the reviewer's words, on a redo
    complaints: tuple[str, ...] = ()  # why the previous pictures were rejected
    adjustments: tuple[str, ...] = ()  # on a redo; see `adjustments.sum_up`
    lane: Lane = "standard"  # for the calls that are sent now
    take: int = 1  # 2 and more: a picture whose fidelity check failed is made again
    facts: tuple[str, ...] = ()  # of the photo, which the take before got wrong

    @property
    def wishes(self) -> str:
        """The adjustments and the reviewer's own words, for an enhancer that reads."""
        times = Counter(self.adjustments)
        words = [
            ADJUSTMENTS[name] + (f" By {n} steps." if n > 1 else "") for name, n in times.items()
        ]
        return " ".join([*words, self.instructions] if self.instructions else words)


class VariantPlan(BaseModel):
    """One variant to make: a short title for the reviewer and the words or recipe to make it by."""

    model_config = ConfigDict(frozen=True)
    title: str
    prompt: str


#: In an `Analysis`, a field that was not looked for.
NOT_ANALYSED: Final = "not analysed: made without a model"


class Analysis(BaseModel):
    """What was seen in the photo. Flat, every field required: it is Gemini's answer schema too."""

    model_config = ConfigDict(frozen=True)
    product: str
    shape: str
    colours: list[str]
    material: str
    parts: list[str]  # each with its count, "2 straps"
    label_text: list[str]  # exact text, in reading order
    logo: str  # what and where; "" when none
    faults: list[str]
    variants: list[VariantPlan]


@dataclass(frozen=True)
class Picture:
    """One enhanced picture as the enhancer made it; finishing makes the stored JPEG of it."""

    data: bytes
    title: str
    prompt: str
    model: str
    warning: str | None = None
    made_by_ai: bool = False  # generative: provenance metadata says so
    prompt_version: str | None = None  # of the enhancer's own words around `prompt`

    def provenance(self) -> Provenance:
        """How the picture was made, to be written into it; dated now."""
        source_type = COMPLETED_BY_A_MODEL if self.made_by_ai else EDITED
        return Provenance(source_type, self.model, datetime.now(UTC))


class Answers(Protocol):
    """Keeps the paid answer of one variant from the moment it arrives."""

    def take(self) -> bytes | None:
        """Return, once, the answer that an earlier attempt kept: use it instead of paying again."""
        ...

    def keep(self, data: bytes) -> None:
        """Store this picture as it arrived; return when it is stored."""
        ...


class NoAnswers:
    """Stores nothing: for `packshot enhance`, and for enhancers that cost nothing."""

    def take(self) -> bytes | None:
        return None

    def keep(self, data: bytes) -> None:
        return None


NO_ANSWERS = NoAnswers()


@dataclass(frozen=True)
class Difference:
    """One difference of the product between two pictures, in a model's words."""

    kind: str  # text, logo, colour, part_missing, part_added, shape or pattern
    where: str
    in_a: str
    in_b: str
    sure: bool


@dataclass(frozen=True)
class Judgement:
    """What a model says about two pictures of a product."""

    same_product: str  # yes, no or unsure
    same_view: bool
    differences: tuple[Difference, ...]
    model: str


#: JPEGs of one picture, of at most 768 px: the product and, where there is one, a close-up.
Views = tuple[bytes, ...]


@runtime_checkable
class Judge(Protocol):
    """Compares two pictures; one paid call each time, in the ledger as `judge`."""

    def compare(
        self, a: Views, b: Views, brief: Brief, variant: int, *, swapped: bool = False
    ) -> Judgement:
        """Compare `a` with `b`, which have equally many views; `swapped`: in reverse order.

        Raises Unavailable and its kinds, EnhancerError.
        """
        ...


@dataclass(frozen=True)
class Purchase:
    """One request that is about to be paid for."""

    kind: str  # "analysis", "picture", "remake" or "judge"
    model: str
    brief: Brief
    variant: int | None
    expected: Decimal | None  # US dollars; None: the price is not known
    lane: Lane = "standard"


@dataclass
class CallRecord:
    """One paid request, filled in by the enhancer while it runs and saved by the ledger."""

    tokens_in: int = 0
    tokens_out: int = 0  # text and thinking
    tokens_image: int = 0
    images: int = 0
    cost: Decimal | None = None  # US dollars; the expected cost until it is known
    model_version: str | None = None
    outcome: str = "unknown"  # "ok", or the code of the error
    lane: Lane = "standard"  # as requested, until the answer names it


class Ledger(Protocol):
    """Where paid requests are written before they are sent, and completed after."""

    def call(self, purchase: Purchase) -> AbstractContextManager[CallRecord]:
        """Write a row, yield the record to fill in, complete the row also when the call raises.

        The row has the expected cost until it is completed. When all processes together have
        reached a limit, writes no row and raises: RateLimited for requests per minute, Unavailable
        `budget_reached` for the day's budget; `retry_after` says when to ask again.
        """
        ...


@dataclass(frozen=True)
class JobStatus:
    """What a service says about a job of many requests."""

    name: str  # the service's own
    ended: bool
    state: str  # the service's word
    results: str | None = None  # the name of the file with the answers
    error: str | None = None  # why it failed, in the service's words


@dataclass(frozen=True)
class JobResult:
    """One line of a job's results: an answer as it came, or an error."""

    key: str
    answer: str | None = None  # JSON
    error: str | None = None


class BatchLane(Protocol):
    """Jobs of many requests at half the price. Errors are Packshot's, as for `Enhancer`.

    Nothing here is retried automatically: `create` is not idempotent at the service.
    """

    def model_of(self, kind: str) -> str:
        """The model that makes an `analysis` or a `picture`."""
        ...

    def expected(self, kind: str) -> Decimal | None:
        """The expected cost of one request in US dollars."""
        ...

    def request(self, photo: Photo, brief: Brief, analysis: Analysis | None, variant: int) -> bytes:
        """One request as a line of a job's file; without `analysis` it asks for one.

        Its key is product/round/variant, or product/round/analysis.
        """
        ...

    def upload(self, display_name: str, requests: BinaryIO, sent: Callable[[], object]) -> str:
        """Store the lines at the service; returns the file's name there.

        `sent` is called before each piece: on a slow line this takes half an hour.
        """
        ...

    def create(self, model: str, display_name: str, file: str) -> JobStatus:
        """Start a job. Raises Unanswered when nobody knows whether it was started."""
        ...

    def find(self, display_name: str) -> Sequence[JobStatus]:
        """All jobs of that name that the service has."""
        ...

    def look(self, name: str) -> JobStatus:
        """The state of a job. Raises NotFound when the service has no such job (any more)."""
        ...

    def cancel(self, name: str) -> None:
        """Ask to cancel a job; answers made until then may still arrive."""
        ...

    def results(self, file: str) -> Iterator[JobResult]:
        """The answers, line by line. Raises NotFound when they are no longer kept."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file or a job at the service, by its name there; one that is gone is fine.

        A job that runs is not cancelled by this.
        """
        ...

    def book(self, record: CallRecord, model: str, answer: str) -> None:
        """Note what an answer used and cost."""
        ...


@dataclass(frozen=True)
class Health:
    """`problem` is one sentence that says what to fix; None: the part works."""

    problem: str | None = None
    notes: Sequence[str] = field(default_factory=tuple)


class Enhancer(Protocol):
    """Makes variants. Raises only EnhancerError, VariantRefused, and Unavailable and its kinds."""

    name: str
    parallel: bool  # True: the variants of one product may be made at the same time
    sees_side: int | None  # px: it looks at no more of a photo, and takes one of this long side

    def analyse(self, photo: Photo, brief: Brief, answer: str | None = None) -> Analysis:
        """Read the photo once and plan `brief.wanted` variants. `answer` is what a batch job
        brought: it is used instead of a new call, if it is usable."""
        ...

    def generate(
        self,
        photo: Photo,
        analysis: Analysis,
        brief: Brief,
        variant: int,
        answers: Answers = NO_ANSWERS,
    ) -> Picture:
        """Make variant 0..wanted-1 from the original photo. Paid answers go to `answers`."""
        ...

    def health(self) -> Health:
        """What the last calls showed, for `/readyz`; does not wait for the network."""
        ...

    def check(self) -> Health:
        """Ask the service, at no cost, whether key and models are valid. May take seconds."""
        ...


#: Runs a module-level function in a pixel process: run(function, *args) -> result.
RunPixels = Callable[..., object]
