"""Progress for people: bars on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from packshot.cli.plain import escape_text, pluralise, print_note
from packshot.cli.retry_notices import print_to_stderr
from packshot.client import Client, Json

#: Seconds between two looks at why no pictures come.
PROBLEM_SECONDS: Final = 5.0
#: The most products named with one note.
MAX_NUMBERS: Final = 10
STYLES = {"pending_review": "green", "approved": "green", "failed": "red", "rejected": "yellow"}


def bar(console: Console) -> Progress:
    return Progress(
        TextColumn("[bold]{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def wait_with_bar(client: Client, product_ids: Sequence[int], console: Console) -> list[Json]:
    """Wait for these products; a bar counts the pictures that are made."""
    totals: dict[int, int | None] = dict.fromkeys(product_ids)
    made: dict[int, int] = {}
    with bar(console) as progress:
        task = progress.add_task("Pictures", total=None, note="")

        def show(product: Json) -> None:
            settled = product["status"] != "pending"
            images = len(product["images"])
            wanted = images if settled else product["wanted"] or 0
            totals[product["id"]], made[product["id"]] = wanted, images
            note = f"product {product['id']}"
            progress.update(task, completed=sum(made.values()), total=_total(totals), note=note)
            if settled and not console.is_terminal:
                state = f"{product['status']}, {pluralise(images, 'picture')}"
                console.print(f"  product {product['id']}: {state}")

        return client.wait(product_ids, show, before_pause=ProblemNotices(client))


@dataclass
class ProblemNotices:
    """Says, once for each reason, why no pictures are being made."""

    client: Client
    _said: str | None = None
    _asked_at: float = -PROBLEM_SECONDS

    def __call__(self) -> None:
        if time.monotonic() - self._asked_at < PROBLEM_SECONDS:
            return
        problem = self.client.stats().get("problem")
        if problem and problem != self._said:
            print_to_stderr(f"waiting: {problem}")
        self._said, self._asked_at = problem, time.monotonic()


def _total(totals: dict[int, int | None]) -> int:
    known = [count for count in totals.values() if count is not None]
    usual = max(known, default=3)
    return sum(usual if count is None else count for count in totals.values())


def print_table(
    products: Sequence[Json],
    console: Console,
    currency: str | None = None,
    begun: Mapping[int, str] | None = None,
) -> None:
    """Print the products as a table, and below it their notes: in a column they would be cut."""
    console.print(table(products, currency, begun))
    by_note: dict[str, list[Json]] = {}
    for product in products:
        if note := product.get("error") or product.get("warning"):
            by_note.setdefault(note, []).append(product)
    for note, noted in by_note.items():
        print_note(f"{_product_numbers(noted)}: {note}", console)


def _product_numbers(products: Sequence[Json]) -> str:
    """`product 7 (MUG-1, front)`, or `products 7, 8, 9` with a note in common."""
    if len(products) == 1:
        named = _name(products[0])
        return f"product {products[0]['id']}{f' ({named})' if named else ''}"
    numbers = ", ".join(str(product["id"]) for product in products[:MAX_NUMBERS])
    more = len(products) - MAX_NUMBERS
    return f"products {numbers}{f' and {more:,} more' if more > 0 else ''}"


def _name(product: Json) -> str:
    """`MUG-1, front`; without a SKU the photo's name, if it is known."""
    sku = product.get("sku")
    return ", ".join(filter(None, (sku, product.get("view")))) if sku else _photo(product)


def _photo(product: Json) -> str:
    """The name of the photo's file, without its folders."""
    return (product.get("filename") or "").rpartition("/")[2]


def table(
    products: Sequence[Json],
    currency: str | None = None,
    begun: Mapping[int, str] | None = None,
) -> Table:
    """A table of the products: category, status, pictures, seconds until ready.

    Also SKUs, and prices in the server's `currency`, if there are any. `begun` has the times at
    which pictures of older products were requested.
    """
    columns = ["product", *_known(products), "category", "status", "pictures", "seconds"]
    result = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for column in columns:
        # Names wrap; a cut number or status says nothing.
        names = column in ("sku", "photo", "category")
        left = names or column == "status"
        result.add_column(
            column, justify="left" if left else "right", no_wrap=not names, overflow="fold"
        )
    for product in products:
        result.add_row(*_cells(product, columns, currency, begun or {}))
    return result


def _known(products: Sequence[Json]) -> list[str]:
    """`photo` is the column of names where no product has a SKU."""
    has_sku, has_photo, has_price = (
        any(product.get(name) for product in products) for name in ("sku", "filename", "price")
    )
    name = "sku" if has_sku else "photo" if has_photo else None
    return [column for column in (name, "price" if has_price else None) if column]


def _seconds(product: Json, begun: Mapping[int, str]) -> float:
    """Seconds from the request until it was ready, with the wait in the queue."""
    begin = begun.get(product["id"], product["created_at"])
    end = datetime.fromisoformat(product["updated_at"])
    return (end - datetime.fromisoformat(begin)).total_seconds()


def _cells(
    product: Json, columns: Sequence[str], currency: str | None, begun: Mapping[int, str]
) -> list[str]:
    status = product["status"]
    style = STYLES.get(status, "default")
    price = product.get("price")
    cells = {
        "product": str(product["id"]),
        "sku": escape_text(_name(product)),
        "photo": escape_text(_name(product)),
        "price": "" if price is None else f"{price:,.2f} {currency or ''}".strip(),
        "category": escape_text(product["category"]),
        "status": f"[{style}]{status}[/]",
        "pictures": str(len(product["images"])),
        "seconds": f"{_seconds(product, begun):.1f}",
    }
    return [cells[column] for column in columns]
