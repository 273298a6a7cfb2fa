"""A reviewer's own alternative text; without one it is made from the known facts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("product_images", sa.Column("alt_text", sa.String(125), nullable=True))


def downgrade() -> None:
    op.drop_column("product_images", "alt_text")
