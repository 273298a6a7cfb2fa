"""An index that finds what one reviewer decided last: the desk's undo reads it."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_decisions_who_id", "decisions", ["who", "id"])


def downgrade() -> None:
    op.drop_index("ix_decisions_who_id", "decisions")
