"""A session has the hash of its key only: the name and the scopes are the key's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("sessions", "scopes")
    op.drop_column("sessions", "name")


def downgrade() -> None:
    """Older versions write both columns, and read neither."""
    op.add_column("sessions", sa.Column("name", sa.String(100), nullable=False, server_default=""))
    op.add_column(
        "sessions", sa.Column("scopes", sa.String(100), nullable=False, server_default="")
    )
