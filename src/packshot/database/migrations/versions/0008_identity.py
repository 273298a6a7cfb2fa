"""A shop's own names for its products, optional prices, and corrections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from packshot.database.types import Money, UTCDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OURS = {"sqlite_autoincrement": True}
TERM = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("products", table_kwargs=OURS) as table:
        table.add_column(sa.Column("sku", sa.String(100)))
        table.add_column(sa.Column("name", sa.String(200)))
        table.add_column(sa.Column("view", sa.String(40)))
        table.add_column(sa.Column("filename", sa.String(255)))
        table.add_column(sa.Column("attributes", sa.JSON()))
        table.alter_column("mrp", existing_type=Money(), nullable=True)
        table.alter_column("price", existing_type=Money(), nullable=True)
    op.create_index("ix_products_sku_id", "products", ["sku", "id"])
    op.create_table(
        "product_terms",
        sa.Column("term", TERM, nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name="fk_product_terms_product_id_products",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("term", "product_id", name="pk_product_terms"),
    )
    op.create_index("ix_product_terms_product_id", "product_terms", ["product_id"])
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("at", UTCDateTime(), server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name="fk_corrections_product_id_products",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
    )
    op.create_index("ix_corrections_product_id", "corrections", ["product_id"])


def downgrade() -> None:
    """Set missing prices to 0: older programs require a price."""
    op.drop_table("corrections")
    op.drop_table("product_terms")
    op.drop_index("ix_products_sku_id", "products")
    op.execute("UPDATE products SET mrp = coalesce(mrp, 0), price = coalesce(price, 0)")
    with op.batch_alter_table("products", table_kwargs=OURS) as table:
        for column in ("sku", "name", "view", "filename", "attributes"):
            table.drop_column(column)
        table.alter_column("mrp", existing_type=Money(), nullable=False)
        table.alter_column("price", existing_type=Money(), nullable=False)
