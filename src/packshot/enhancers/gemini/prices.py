"""Prices Gemini's calls from the dated table in `prices.toml`, after a call and before a batch."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from packshot.enhancers.gemini.models import current_name
from packshot.enhancers.gemini.sizes import nominal_side
from packshot.lanes import LANES, Lane
from packshot.settings import Settings

MILLION = Decimal(1_000_000)


class Price(BaseModel):
    """One row: US dollars per million tokens of one model, valid from a day on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str
    lane: Lane = "standard"
    valid_from: date = Field(alias="from")
    input: Decimal
    output: Decimal  # words and thinking
    picture: Decimal | None = None
    picture_tokens: Mapping[str, int] = Field(default_factory=dict)
    source: str
    checked: date

    def cost(self, tokens_in: int, tokens_out: int, tokens_image: int) -> Decimal | None:
        """US dollars of one call; None when it made a picture and the row has no such price."""
        if tokens_image and self.picture is None:
            return None
        words = self.input * tokens_in + self.output * tokens_out
        return (words + (self.picture or 0) * tokens_image) / MILLION


class Assumption(BaseModel):
    """The tokens that a call of one kind is assumed to use before anything was measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    input: int
    output: int
    source: str


class PriceTable(BaseModel):
    """All of `prices.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    price: tuple[Price, ...]
    assumed: Mapping[str, Assumption]


@cache
def price_table() -> PriceTable:
    """Read the table that ships with the package, once."""
    text = files("packshot.enhancers.gemini").joinpath("prices.toml").read_text(encoding="utf-8")
    return PriceTable.model_validate(tomllib.loads(text))


def price_of(model: str, on: date, lane: Lane = "standard") -> Price | None:
    """The newest row of `model` in `lane` that is valid on that day; None when there is none.

    A lane without a row costs as much as standard: no call costs more.
    """
    of_model = [row for row in price_table().price if row.model == model and row.valid_from <= on]
    rows = [row for row in of_model if row.lane == lane]
    rows = rows or [row for row in of_model if row.lane == "standard"]
    return max(rows, key=lambda row: row.valid_from, default=None)


@dataclass(frozen=True)
class Estimate:
    """What a batch will cost, in US dollars. None where the table does not know the model."""

    products: int
    pictures: int
    analysis: Decimal | None  # one analysis call
    picture: Decimal | None  # one picture call
    per_product: Decimal | None
    total: Decimal | None
    notes: tuple[str, ...] = ()
    lane: Lane = "standard"


def estimates(
    products: int, settings: Settings, on_date: date, references: int = 0
) -> list[Estimate]:
    """What `products` new products cost in each lane, as of `on_date`: standard first. The local
    enhancer has no lanes, and costs nothing.

    One analysis and N pictures each; retries and redone rounds are not counted. `references`: the
    number of other views of their SKUs in all their calls together.
    """
    if settings.enhancer_name == "gemini":
        return gemini_estimates(products, settings, on_date, references)
    pictures, nothing = products * settings.enhanced_images_count, Decimal(0)
    notes = ("The local enhancer makes these pictures: nothing is paid for.",)
    return [Estimate(products, pictures, nothing, nothing, nothing, nothing, notes=notes)]


def gemini_estimates(
    products: int, settings: Settings, on_date: date, references: int = 0
) -> list[Estimate]:
    """What each of Gemini's lanes costs, standard first, even before there is a key."""
    return [_gemini_estimate(products, settings, on_date, lane, references) for lane in LANES]


def _gemini_estimate(
    products: int, settings: Settings, on_date: date, lane: Lane, references: int
) -> Estimate:
    count = settings.enhanced_images_count
    model, image_model = _models(settings, on_date)
    analysis = expected_cost("analysis", model, None, on_date, lane)
    picture = expected_cost("picture", image_model, settings.enhanced_image_size, on_date, lane)
    each = None if analysis is None or picture is None else analysis + count * picture
    return Estimate(
        products=products,
        pictures=products * count,
        analysis=analysis,
        picture=picture,
        per_product=each,
        total=(
            None
            if each is None
            else each * products + _of_views(settings, on_date, lane, references)
        ),
        notes=_notes(settings, on_date, each is not None, lane),
        lane=lane,
    )


def _of_views(settings: Settings, on_date: date, lane: Lane, references: int) -> Decimal:
    """US dollars for the other views in the products' calls: an analysis and N pictures each."""
    tokens = references * price_table().assumed["reference"].input
    analysis, picture = (price_of(model, on_date, lane) for model in _models(settings, on_date))
    calls = ((analysis, 1), (picture, settings.enhanced_images_count))
    return sum((price.input * tokens * n / MILLION for price, n in calls if price), Decimal(0))


def _models(settings: Settings, on_date: date) -> tuple[str, str]:
    """The models that are called on that day."""
    model, _ = current_name("GEMINI_MODEL", settings.gemini_model, on_date)
    image_model, _ = current_name("GEMINI_IMAGE_MODEL", settings.gemini_image_model, on_date)
    return model, image_model


def expected_cost(
    kind: str,
    model: str,
    size: str | None,
    on: date,
    lane: Lane = "standard",
    references: int = 0,
) -> Decimal | None:
    """US dollars that a call (analysis, picture, remake or judge) with so many other views is
    expected to cost; None: unknown model."""
    price = price_of(model, on, lane)
    if price is None:
        return None
    assumed = price_table().assumed["picture" if kind == "remake" else kind]
    tokens = _picture_tokens(price, size) if size else 0
    tokens_in = assumed.input + references * price_table().assumed["reference"].input
    return None if tokens is None else price.cost(tokens_in, assumed.output, tokens)


def _picture_tokens(price: Price, size: str) -> int | None:
    """Tokens of one picture; a size the table lacks counts as the next larger one it has."""
    sizes = sorted(price.picture_tokens, key=nominal_side)
    return next(
        (price.picture_tokens[each] for each in sizes if nominal_side(each) >= nominal_side(size)),
        None,
    )


def _notes(settings: Settings, on_date: date, known: bool, lane: Lane) -> tuple[str, ...]:
    models = _models(settings, on_date)
    if not known:
        missing = [model for model in models if price_of(model, on_date) is None]
        what = ", ".join(missing) or f"size {settings.enhanced_image_size}"
        return (f"prices.toml has no price for {what}.",)
    changes = [
        f"{row.model} changes its price on {row.valid_from}."
        for row in price_table().price
        if row.model in models and row.lane == lane and row.valid_from > on_date
    ]
    changes += [
        f"{model} has no listed {lane} price: counted at the standard price, which is the most."
        for model in models
        if (price := price_of(model, on_date, lane)) is not None and price.lane != lane
    ]
    size = settings.enhanced_image_size
    price = price_of(models[1], on_date, lane)
    if price is not None and size not in price.picture_tokens:
        changes.append(f"{size} has no published price: counted as the next larger size.")
    return (
        *changes,
        *_of_second_opinions(settings, on_date),
        *_of_remakes(settings, on_date, lane),
    )


def _of_remakes(settings: Settings, on_date: date, lane: Lane) -> Iterator[str]:
    """Only a check tells how many pictures are made again."""
    model, size = _models(settings, on_date)[1], settings.enhanced_image_size
    cost = expected_cost("remake", model, size, on_date, lane)
    if cost is not None and settings.remakes:
        yield f"Not counted: pictures made again after a failed check, about ${cost:.4f} each."


def _of_second_opinions(settings: Settings, on_date: date) -> Iterator[str]:
    """A note on second opinions: their number is unknown, and each shows up to four pictures."""
    cost = expected_cost("judge", settings.fidelity_judge_model, None, on_date, references=3)
    if cost is not None and settings.fidelity == "on" and settings.judged_checks != "off":
        yield f"Not counted: second opinions on doubtful pictures, about ${cost:.4f} each."
