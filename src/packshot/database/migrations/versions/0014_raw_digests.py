"""The SHA-256 of each photo's uploaded bytes, so that the same photo can be recognised."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("products", sa.Column("raw_sha256", sa.String(64), nullable=True))
    op.create_index("ix_products_raw_sha256_sku_view", "products", ["raw_sha256", "sku", "view"])
    op.create_table(
        "uploads",
        sa.Column("name", sa.String(36), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_uploads"),
    )


def downgrade() -> None:
    op.drop_table("uploads")
    op.drop_index("ix_products_raw_sha256_sku_view", "products")
    op.drop_column("products", "raw_sha256")
