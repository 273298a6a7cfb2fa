"""A product's photo can be replaced: its copy is stored under another key than the earlier ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = sa.inspect(op.get_bind()).get_columns("products")
    if "photo_since" not in {column["name"] for column in columns}:
        op.add_column(
            "products", sa.Column("photo_since", sa.Integer(), nullable=False, server_default="1")
        )


def downgrade() -> None:
    """The column stays, and older versions ignore it: without it nothing says later under which key
    the copy of a replaced photo is stored."""
