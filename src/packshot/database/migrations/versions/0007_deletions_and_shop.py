"""Deleted products' objects that must still be removed, and the shop a database belongs to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from packshot.database.types import UTCDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deletions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("namespace", sa.String(36), nullable=True),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("variants", sa.Integer(), nullable=False),
        sa.Column("upload", sa.String(36), nullable=True),
        sa.Column("removals", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletions"),
    )
    op.create_index("ix_deletions_not_before", "deletions", ["not_before"])
    op.create_table(
        "shop",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("strangers", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_shop"),
    )


def downgrade() -> None:
    op.drop_table("shop")
    op.drop_table("deletions")
