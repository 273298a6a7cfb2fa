"""Prepares a restored backup: moves ids ahead of all those given after it was made."""

from __future__ import annotations

from typing import Final

from packshot.database import ids
from packshot.database.engine import Database
from packshot.storage import Storage

#: Each product with pictures has a folder below these, named by its id.
FOLDERS: Final = ("normalised/", "enhanced/", "answers/")
#: Ids to skip above the highest one in the storage: the newest products may have no object yet.
SPARE: Final = 10_000
#: The most pictures of a product in one round, so the picture ids to skip for each product.
MAX_PICTURES: Final = 10


def continue_ids(database: Database, storage: Storage) -> int:
    """Move ids of products and pictures past all used ones; return the next. Raises Unavailable."""
    in_storage = highest_in(storage)
    with database.write_rows() as rows:
        given = ids.last_given(rows)
        behind = ids.tables_behind(rows)
        last = max(in_storage, given["products"], behind.get("products", 0)) + SPARE
        images = max(given["product_images"], behind.get("product_images", 0))
        skipped = MAX_PICTURES * (last - given["products"])
        ids.move_ahead(rows, {**behind, "products": last, "product_images": images + skipped})
    return last + 1


def highest_in(storage: Storage) -> int:
    """The highest product id that an object has in its key; 0 when there is none."""
    folders = (key.split("/")[1] for prefix in FOLDERS for key in storage.list(prefix))
    return max((int(name) for name in folders if name.isdecimal() and len(name) < 10), default=0)
