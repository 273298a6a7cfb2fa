"""The fidelity check's findings about each picture, and the pictures that wait for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from packshot.database.types import UTCDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

COLUMNS = ("prompt_version", "verdict", "fidelity_score", "fidelity", "check_due", "check_tries")


def upgrade() -> None:
    op.add_column("product_images", sa.Column("prompt_version", sa.String(20), nullable=True))
    op.add_column("product_images", sa.Column("verdict", sa.String(20), nullable=True))
    op.add_column("product_images", sa.Column("fidelity_score", sa.Float(), nullable=True))
    op.add_column("product_images", sa.Column("fidelity", sa.JSON(none_as_null=True)))
    op.add_column("product_images", sa.Column("check_due", UTCDateTime(), nullable=True))
    op.add_column(
        "product_images", sa.Column("check_tries", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_index("ix_product_images_check_due", "product_images", ["check_due", "id"])
    op.create_index(
        "ix_product_images_verdict", "product_images", ["verdict", "enhancer", "prompt_version"]
    )


def downgrade() -> None:
    op.drop_index("ix_product_images_verdict", "product_images")
    op.drop_index("ix_product_images_check_due", "product_images")
    for name in reversed(COLUMNS):
        op.drop_column("product_images", name)
