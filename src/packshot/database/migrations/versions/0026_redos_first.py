"""Waiting redos are found without reading the products that wait for their first pictures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

IS_REDO = sa.text("status = 'pending' AND round > 1")


def upgrade() -> None:
    op.create_index(
        "ix_products_redo",
        "products",
        ["status", "submitted_by", "queued_at"],
        sqlite_where=IS_REDO,
        postgresql_where=IS_REDO,
    )


def downgrade() -> None:
    op.drop_index("ix_products_redo", "products")
