"""The queue for each key, so that the keys can take turns."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_products_turn", "products", ["status", "submitted_by", "queued_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_products_turn", "products")
