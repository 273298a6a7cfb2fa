"""Which approved pictures a later check found a change in, so that a person looks again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "product_images",
        sa.Column("found_after_approval", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index(
        "ix_product_images_found_after_approval",
        "product_images",
        ["product_id", "round"],
        sqlite_where=sa.text("found_after_approval"),
        postgresql_where=sa.text("found_after_approval"),
    )


def downgrade() -> None:
    op.drop_index("ix_product_images_found_after_approval", "product_images")
    op.drop_column("product_images", "found_after_approval")
