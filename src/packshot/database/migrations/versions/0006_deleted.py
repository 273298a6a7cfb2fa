"""When the objects of rows that were marked for removal were really deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from packshot.database.types import UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty for earlier removals: the next run deletes those objects once more, and notes it.
    op.add_column("products", sa.Column("raw_deleted_at", UTCDateTime(), nullable=True))
    op.add_column("product_images", sa.Column("deleted_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("product_images", "deleted_at")
    op.drop_column("products", "raw_deleted_at")
