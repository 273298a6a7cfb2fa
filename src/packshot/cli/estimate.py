"""`packshot estimate`: what a batch will cost, calculated before it is sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from packshot.cli.plain import pluralise
from packshot.cli.rows import read_rows
from packshot.enhancers.gemini.lane_words import all_ready_in
from packshot.enhancers.gemini.prices import Estimate, estimates, gemini_estimates
from packshot.serving.process import load_environment
from packshot.settings import Settings, load_settings

# US dollars, list prices of us-east-1 without free tiers, from
# https://aws.amazon.com/sqs/pricing/ and https://aws.amazon.com/s3/pricing/
SQS_MILLION_REQUESTS: Final = Decimal("0.40")
S3_THOUSAND_WRITES: Final = Decimal("0.005")
S3_GIGABYTE_MONTH: Final = Decimal("0.023")

#: Requests for a product sent alone: send, receive, one heartbeat, delete.
REQUESTS_EACH: Final = 4
#: The copy with two previews; a picture of 1K is its own large preview.
OBJECTS_OF_A_COPY: Final = 3
OBJECTS_OF_A_PICTURE: Final = {"1K": 2, "2K": 3, "4K": 3}
#: Bytes of an enhanced picture; copies and previews take about as much again.
PICTURE_MEGABYTES: Final = Decimal("0.5")


@click.command()
@click.argument("products")
@click.option("--on", "on_day", type=click.DateTime(["%Y-%m-%d"]), help="The day; default: today.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def estimate(products: str, on_day: datetime | None, as_json: bool) -> None:
    """Price PRODUCTS: a number, a folder of photos or a products.csv, with the models configured.

    US dollars from the dated price table that ships with Packshot; retries and redone rounds are
    not counted. The figures are for GEMINI_LANE; below them are those of all lanes, even without
    a key. Each further view of a SKU costs a little more: Gemini looks at the earlier
    ones, too. SQS and S3 are at the list prices of us-east-1.
    """
    load_environment()
    settings = load_settings()
    day = (on_day or datetime.now(UTC)).date()
    count, views = _count(products, settings.gemini_reference_views)
    results = estimates(count, settings, day, views)
    result = next((each for each in results if each.lane == settings.gemini_lane), results[0])
    aws = aws_cost(result.products, settings.enhanced_images_count, settings.enhanced_image_size)
    local = settings.enhancer_name == "local"
    bought = gemini_estimates(count, settings, day, views) if local else []
    if as_json:
        figures = {"lanes": _by_lane(results), "with_gemini": _by_lane(bought), "aws": asdict(aws)}
        click.echo(json.dumps(asdict(result) | figures, default=str))
    else:
        lanes = _describe_lanes(results, settings, result.notes)
        if bought:
            lanes = _describe_lanes(bought, settings)
            lanes.insert(1, "With Gemini (GEMINI_API_KEY) it would be:")
        click.echo("\n".join([_describe(result), *lanes, _describe_aws(aws)]))


def _by_lane(results: Sequence[Estimate]) -> dict[str, Any]:
    return {each.lane: asdict(each) for each in results}


def _count(products: str, most_views: int) -> tuple[int, int]:
    """The number of products, and of other views of their SKUs that their calls contain."""
    if products.isdecimal():
        return int(products), 0
    if not Path(products).exists():
        raise click.UsageError(f"{products} is neither a number nor a file or folder")
    rows = read_rows([Path(products)])
    skus = Counter(row.fields["sku"] for row in rows if row.fields.get("sku"))
    # The first product of a SKU finds no other view stored, the second finds one, and so on.
    return len(rows), sum(min(n, most_views) for views in skus.values() for n in range(views))


def _describe(result: Estimate) -> str:
    lines = [f"{pluralise(result.products, 'product')}, {pluralise(result.pictures, 'picture')}"]
    for name, dollars in (
        ("one analysis", result.analysis),
        ("one picture", result.picture),
        ("one product", result.per_product),
        ("all of it", result.total),
    ):
        lines.append(f"{name:>13}: {_dollars(dollars)}")
    return "\n".join([*lines, *result.notes])


def _describe_lanes(
    results: list[Estimate], settings: Settings, shown: Sequence[str] = ()
) -> list[str]:
    """A line for each of several lanes, and the notes that are not `shown` yet."""
    if len(results) < 2:
        return []
    lines = ["", "     lane  one product    all of it  ready"]
    for each in results:
        product, total = _dollars(each.per_product), _dollars(each.total)
        ready = all_ready_in(each.lane, each.products, settings)
        lines.append(f"{each.lane:>9}{product:>13}{total:>13}  {ready}")
    notes = {note: None for each in results for note in each.notes if note not in shown}
    return [*lines, *notes, ""]


@dataclass(frozen=True)
class AwsCost:
    """US dollars for the requests of some products, and for each month of their objects."""

    sqs: Decimal
    s3_writes: Decimal
    s3_month: Decimal


def aws_cost(products: int, variants: int, size: str) -> AwsCost:
    """`size` is what ENHANCED_IMAGE_SIZE may be."""
    of_each_variant = OBJECTS_OF_A_PICTURE[size] + 1  # and its paid answer
    writes = OBJECTS_OF_A_COPY + variants * of_each_variant
    gigabytes = products * variants * PICTURE_MEGABYTES * 2 / 1000
    return AwsCost(
        sqs=products * REQUESTS_EACH * SQS_MILLION_REQUESTS / 1_000_000,
        s3_writes=products * writes * S3_THOUSAND_WRITES / 1000,
        s3_month=gigabytes * S3_GIGABYTE_MONTH,
    )


def _describe_aws(cost: AwsCost) -> str:
    requests = _dollars(cost.sqs + cost.s3_writes)
    return (
        f"With SQS and S3: {requests} for requests, {_dollars(cost.s3_month)} a month for objects."
    )


def _dollars(amount: Decimal | None) -> str:
    if amount is None:
        return "unknown: the price table does not know the model"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:,.4f}"
