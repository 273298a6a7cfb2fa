"""The base of all tables, and columns they share."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, MetaData, TextClause, text
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


CREATED = text("CURRENT_TIMESTAMP")


#: The product waits for pictures of a later round than the first of its photo.
IS_REDO: Final = text("status = 'pending' AND round > photo_since")


def partial_index(name: str, *columns: str, where: TextClause) -> Index:
    """An index on some of the rows. Queries use it if they have the same words as `where`."""
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)
