"""`packshot webhooks`: lists what was sent to the shop's servers, and sends it again."""

from __future__ import annotations

import base64
import json
import secrets

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from packshot.cli.direct import open_services
from packshot.cli.options import PRODUCT_ID
from packshot.cli.plain import escape_text
from packshot.download.addresses import redact
from packshot.webhooks.deliveries import KEPT_DAYS, DeliveryView

SECRET_BYTES = 32


@click.group()
def webhooks() -> None:
    """Events of ready, failed and reviewed products for WEBHOOK_URLS."""


@webhooks.command()
def secret() -> None:
    """Make a WEBHOOK_SECRET."""
    click.echo("whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode())


@webhooks.command("list")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help="The most events to list, newest first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_deliveries(limit: int, as_json: bool) -> None:
    """List the latest deliveries: waiting, delivered or given up."""
    with open_services() as services:
        latest = services.webhooks.latest(limit)
    if as_json:
        click.echo(json.dumps([vars(found) for found in latest], default=str))
    else:
        Console().print(delivery_table(latest))


def delivery_table(latest: list[DeliveryView]) -> Table:
    """In a narrow terminal, or a pipe, addresses and errors wrap: a cut one says nothing."""
    result = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for column in ("event", "product", "to", "state", "attempts", "error"):
        result.add_column(column, no_wrap=column not in ("to", "error"), overflow="fold")
    for found in latest:
        result.add_row(
            found.type,
            str(found.product_id),
            escape_text(redact(found.url)),
            found.state,
            str(found.attempts),
            escape_text(found.error or ""),
        )
    return result


@webhooks.command()
@click.option("--product", "product_id", type=PRODUCT_ID, help="All events of this product.")
@click.option(
    "--hours",
    type=click.FloatRange(0, 24 * KEPT_DAYS, min_open=True),
    help="All events of the last hours.",
)
def replay(product_id: int | None, hours: float | None) -> None:
    """Send events again: those that were given up, unless an option selects others.

    They keep their webhook-id. A running worker delivers them.
    """
    with open_services() as services:
        if not services.webhooks.urls:
            raise click.ClickException("WEBHOOK_URLS is not set: there is no receiver")
        again = services.webhooks.replay(product_id=product_id, since_hours=hours)
    click.echo(f"{again} {'delivery is' if again == 1 else 'deliveries are'} due again.")
