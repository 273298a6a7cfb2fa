"""The takes of pictures that were made again after a failed fidelity check."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from packshot.database.types import Money, UTCDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "takes",
        sa.Column("product_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("variant", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(50), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column(
            "opened_at", UTCDateTime(), nullable=False, server_default=sa.text("CURRENT_TIMESTAMP")
        ),
        sa.Column("due_at", UTCDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("token", sa.String(36), nullable=True),
        sa.Column("digests", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("cost", Money(12, 6), nullable=True),
        sa.Column("removed_at", UTCDateTime(), nullable=True),
        sa.Column("deleted_at", UTCDateTime(), nullable=True),
        *_made(),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name="fk_takes_product_id_products",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("product_id", "round", "variant", "number", name="pk_takes"),
    )
    op.create_index("ix_takes_due_at", "takes", ["due_at"])
    op.create_index("ix_takes_check_due", "takes", ["check_due"])
    op.create_index("ix_takes_state_outcome", "takes", ["state", "outcome"])


def _made() -> list[sa.Column[object]]:
    return [
        sa.Column("object_key", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("enhancer", sa.String(20), nullable=True),
        sa.Column("model", sa.String(100), nullable=True),
        sa.Column("prompt_version", sa.String(20), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("warning", sa.Text(), nullable=True),
        sa.Column("answer", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("verdict", sa.String(20), nullable=True),
        sa.Column("fidelity_score", sa.Float(), nullable=True),
        sa.Column("fidelity", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("check_due", UTCDateTime(), nullable=True),
        sa.Column("check_tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
    ]


def downgrade() -> None:
    op.drop_table("takes")
