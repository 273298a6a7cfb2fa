"""Which pictures have the photo's own pixels, and which batches ask for that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rounds", sa.Column("pixel_lock", sa.Boolean(), nullable=True))
    op.add_column("rounds", sa.Column("locks", sa.JSON(), nullable=True))
    for table in ("product_images", "takes"):
        op.add_column(table, sa.Column("pixel_lock", sa.JSON(none_as_null=True), nullable=True))
        op.add_column(table, sa.Column("lock_code", sa.String(30), nullable=True))
    op.add_column("takes", sa.Column("locks", sa.JSON(none_as_null=True), nullable=True))
    op.create_index("ix_product_images_lock_code", "product_images", ["lock_code"])


def downgrade() -> None:
    op.drop_index("ix_product_images_lock_code", "product_images")
    op.drop_column("takes", "locks")
    for table in ("product_images", "takes"):
        op.drop_column(table, "lock_code")
        op.drop_column(table, "pixel_lock")
    op.drop_column("rounds", "locks")
    op.drop_column("rounds", "pixel_lock")
