"""Doubtful pictures and enhancers are counted from indexes alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

IS_DOUBTFUL = sa.text(
    "(product_images.warning IS NOT NULL"
    " OR product_images.verdict IN ('warn', 'fail', 'not_comparable'))"
)


def upgrade() -> None:
    op.create_index(
        "ix_product_images_doubtful",
        "product_images",
        ["product_id", "round"],
        sqlite_where=IS_DOUBTFUL,
        postgresql_where=IS_DOUBTFUL,
    )
    op.drop_index("ix_products_status_id", "products")
    op.create_index("ix_products_status_id", "products", ["status", "id", "round"])
    op.create_index("ix_rounds_enhancer", "rounds", ["product_id", "number", "enhancer"])


def downgrade() -> None:
    op.drop_index("ix_rounds_enhancer", "rounds")
    op.drop_index("ix_products_status_id", "products")
    op.create_index("ix_products_status_id", "products", ["status", "id"])
    op.drop_index("ix_product_images_doubtful", "product_images")
