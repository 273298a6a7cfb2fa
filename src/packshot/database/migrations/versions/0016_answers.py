"""The digest, C2PA manifest and XMP of a model's answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("product_images", sa.Column("answer", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("product_images", "answer")
