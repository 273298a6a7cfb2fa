"""Counters for the limits per key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("what", sa.String(50), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("who", "what", "starts_at", name="pk_counters"),
    )


def downgrade() -> None:
    op.drop_table("counters")
