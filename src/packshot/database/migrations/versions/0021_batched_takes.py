"""Which take of a picture a batch job is asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

PLACE = ["product_id", "round", "variant"]


def upgrade() -> None:
    _with_key([*PLACE, "take"], added=sa.Column("take", sa.Integer(), server_default="1"))


def downgrade() -> None:
    op.execute("DELETE FROM batch_items WHERE take > 1")
    _with_key(PLACE, dropped="take")


def _with_key(
    columns: list[str], *, added: sa.Column[int] | None = None, dropped: str | None = None
) -> None:
    """The same table with another primary key; on SQLite it is copied."""
    with op.batch_alter_table("batch_items") as table:
        if added is not None:
            added.nullable = False
            table.add_column(added)
        table.drop_constraint("pk_batch_items", type_="primary")
        if dropped is not None:
            table.drop_column(dropped)
        table.create_primary_key("pk_batch_items", columns)
