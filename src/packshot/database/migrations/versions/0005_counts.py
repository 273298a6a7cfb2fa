"""Indexes that counts and sums are read from, also at a million products."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_product_images_status", "product_images", ["status"])
    op.create_index("ix_decisions_at", "decisions", ["at"])
    op.create_index("ix_calls_sent_at_cost", "calls", ["sent_at", "cost"])
    op.create_index("ix_calls_kind_outcome_cost", "calls", ["kind", "outcome", "cost"])
    op.drop_index("ix_calls_sent_at", "calls")


def downgrade() -> None:
    op.create_index("ix_calls_sent_at", "calls", ["sent_at"])
    op.drop_index("ix_calls_kind_outcome_cost", "calls")
    op.drop_index("ix_calls_sent_at_cost", "calls")
    op.drop_index("ix_decisions_at", "decisions")
    op.drop_index("ix_product_images_status", "product_images")
