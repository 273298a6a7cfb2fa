"""When objects were removed, when a round was ready, and how long its steps took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from packshot.database.types import UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("products", sa.Column("raw_removed_at", UTCDateTime(), nullable=True))
    op.add_column("product_images", sa.Column("removed_at", UTCDateTime(), nullable=True))
    op.add_column("rounds", sa.Column("ready_at", UTCDateTime(), nullable=True))
    op.add_column("rounds", sa.Column("seconds", sa.JSON(), nullable=True))
    op.create_index("ix_rounds_ready_at", "rounds", ["ready_at"])


def downgrade() -> None:
    op.drop_index("ix_rounds_ready_at", "rounds")
    op.drop_column("rounds", "seconds")
    op.drop_column("rounds", "ready_at")
    op.drop_column("product_images", "removed_at")
    op.drop_column("products", "raw_removed_at")
