"""A product whose photo was replaced waits as a new one does: it is no redo."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _index_redos("status = 'pending' AND round > photo_since")


def downgrade() -> None:
    _index_redos("status = 'pending' AND round > 1")


def _index_redos(condition: str) -> None:
    op.drop_index("ix_products_redo", "products")
    op.create_index(
        "ix_products_redo",
        "products",
        ["status", "submitted_by", "queued_at"],
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )
