"""`packshot retry`: queues failed products again; nothing they have is paid for twice."""

from __future__ import annotations

import json

import click

from packshot.cli.options import PRODUCT_ID, connection
from packshot.cli.plain import pluralise
from packshot.client import ApiError, Client


@click.command()
@click.argument("product_ids", nargs=-1, type=PRODUCT_ID)
@click.option("--all-failed", is_flag=True, help="All products that have failed.")
@click.option("--json", "as_json", is_flag=True, help="Print the retried ids as JSON.")
@connection
def retry(product_ids: tuple[int, ...], all_failed: bool, as_json: bool, client: Client) -> None:
    """Queue failed products again: the ids given, or --all-failed.

    Exits with 1 when one could not be.
    """
    if bool(product_ids) == all_failed:
        raise click.UsageError("give product ids, or --all-failed")
    wanted = product_ids or tuple(product["id"] for product in client.products(status="failed"))
    retried, refused = [], []
    for product_id in wanted:
        if problem := _retry(product_id, client):
            refused.append(product_id)
            click.echo(f"product {product_id}: {problem}", err=True)
        else:
            retried.append(product_id)
    are = "is" if len(retried) == 1 else "are"
    words = f"{pluralise(len(retried), 'product')} {are} waiting again."
    click.echo(json.dumps(retried) if as_json else words)
    raise SystemExit(1 if refused else 0)


def _retry(product_id: int, client: Client) -> str | None:
    """Queue a failed product again; why not, if it is none: a new round would replace the pictures
    of any other."""
    try:
        status = client.product(product_id)["status"]
        if status in ("pending_review", "approved", "rejected"):
            return f"it is {status}, not failed; new pictures are asked for on the desk"
        client.enhance(product_id)
    except ApiError as error:
        return error.explanation
    return None
