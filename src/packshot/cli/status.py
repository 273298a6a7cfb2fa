"""`packshot status`: the products waiting and done, and their cost."""

from __future__ import annotations

import json
import math
import time
from typing import Final

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from packshot.cli.options import connection
from packshot.cli.plain import escape_text
from packshot.client import Client, Json

#: A picture that is left out of an approval has the status `rejected`, too.
_PICTURES: Final = {"rejected": "rejected or left out"}


@click.command()
@click.option("--watch", is_flag=True, help="Keep the table up to date until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@connection
def status(watch: bool, as_json: bool, client: Client) -> None:
    """Show the counts of products and pictures, the queue, and the money spent."""
    stats = client.stats()
    if as_json:
        click.echo(json.dumps(stats))
        return
    console, address = Console(), client.url.rstrip("/")
    if not (watch and console.is_terminal):
        console.print(_table(stats, address))
        return
    client.outage_wait = math.inf
    with Live(_table(stats, address), console=console) as live:
        while True:
            time.sleep(2)
            live.update(_table(client.stats(), address))


def _table(stats: Json, address: str) -> Table:
    result = Table(show_header=False, show_edge=False)
    for name, value in _lines(stats, address):
        result.add_row(name, value)
    return result


def _lines(stats: Json, address: str) -> list[tuple[str, str]]:
    queue = stats["queue"]
    lines = [(f"products {name}", f"{count:,}") for name, count in stats["products"].items()]
    lines += [
        (f"pictures {_PICTURES.get(name, name)}, of all rounds", f"{count:,}")
        for name, count in stats["images"].items()
    ]
    if stats.get("batched"):
        lines.append(("products in batch jobs", f"{stats['batched']:,}"))
    if stats.get("being_checked"):
        lines.append(("pictures being checked", f"{stats['being_checked']:,}"))
    lines += [
        (f"queue {name.replace('_', ' ')}", f"{count:,}")
        for name, count in queue.items()
        if isinstance(count, int)
    ]
    if stats.get("problem"):
        lines.append(("why they wait", escape_text(stats["problem"])))
    if stats["products"].get("failed"):
        lines.append(("why they failed", f"{address}/failed"))
    mark = " (simulated)" if stats.get("simulated") else ""
    lines.append(("spent", f"${float(stats['spent']):,.2f}{mark}"))
    if stats["cost_per_product"] is not None:
        lines.append(("cost per product", f"${float(stats['cost_per_product']):,.4f}{mark}"))
    return lines
