"""The database: what it says in its own words becomes ours."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, text
from test_catalog import BOX

from packshot.database import Database
from packshot.errors import Unavailable
from packshot.models import Product


def test_after_a_failover_it_waits_and_connects_anew(postgres_url: str) -> None:
    """The server that was asked so far takes no writes any more: nobody's product is to blame."""
    database = Database(postgres_url, pool_size=1)
    with database.write() as session:
        session.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
    with pytest.raises(Unavailable, match="read-only"), database.write() as session:
        session.execute(insert(Product).values(**vars(BOX)))
    with database.write() as session:
        session.execute(insert(Product).values(**vars(BOX)))
    database.close()
