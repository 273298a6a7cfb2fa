"""Digests of stored objects, checked before a paid call uses an object or it is adopted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty for objects stored earlier: filled when they are read next.
    op.add_column("products", sa.Column("normalised_sha256", sa.String(64), nullable=True))
    op.add_column("rounds", sa.Column("digests", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("rounds", "digests")
    op.drop_column("products", "normalised_sha256")
