"""The first tables. Existing `products` and `product_images` tables are adopted with their rows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.types import TypeEngine

from packshot.database.types import Money, UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CREATED = sa.text("CURRENT_TIMESTAMP")


def upgrade() -> None:
    tables = set(sa.inspect(op.get_bind()).get_table_names())
    create_or_adopt("products", _products(), tables)
    create_or_adopt("product_images", _product_images(), tables)
    _create_rounds()
    _open_rounds()
    _create_decisions()
    _create_calls()
    _create_idempotency_keys()
    _create_sessions()


def downgrade() -> None:
    for table in ("sessions", "idempotency_keys", "calls", "decisions", "rounds"):
        op.drop_table(table)
    op.drop_table("product_images")
    op.drop_table("products")


def create_or_adopt(name: str, wanted: list[sa.Column], tables: set[str]) -> None:  # type: ignore[type-arg]
    """Make the table, or give one made by hand the columns and defaults it lacks."""
    if name in tables:
        _adopt(name, wanted)
    else:
        op.create_table(name, *wanted, *_constraints(name), sqlite_autoincrement=True)
    _create_indexes(name)


def _adopt(name: str, wanted: list[sa.Column]) -> None:  # type: ignore[type-arg]
    """Change its columns to match ours; the rest of the table stays."""
    present = {column["name"]: column for column in sa.inspect(op.get_bind()).get_columns(name)}
    with _altered(name) as table:
        for check in _checks_on_status(name):
            table.drop_constraint(op.f(check), type_="check")
        for column in wanted:
            if column.name in present:
                _convert(table, column, present[column.name]["type"])
            else:
                table.add_column(_addable(column))
    _number_ids(name, present["id"])
    _fill_gaps(name)
    if name == "product_images":
        _number_variants()
    with _altered(name) as table:
        for column in wanted:
            if not column.nullable and column.name not in ("id", "product_id"):
                table.alter_column(column.name, nullable=False)
        if name == "product_images":
            table.create_unique_constraint(
                "uq_product_images_product_id_round_variant", ["product_id", "round", "variant"]
            )


@contextmanager
def _altered(name: str) -> Iterator[BatchOperations]:
    """Alter the table; SQLite copies it into one that, like ours, never gives an id twice.

    CHECKs without a name do not come along, which Alembic warns of.
    """
    ours = {"sqlite_autoincrement": True}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unnamed CHECK constraint")
        with op.batch_alter_table(name, table_kwargs=ours) as table:
            yield table


def _checks_on_status(name: str) -> list[str]:
    """The names of checks on the status, which must go: they do not allow `failed`."""
    checks = sa.inspect(op.get_bind()).get_check_constraints(name)
    return [
        check["name"]
        for check in checks
        if check["name"] and re.search(r"\bstatus\b", check["sqltext"])
    ]


def _convert(
    table: BatchOperations,
    column: sa.Column,  # type: ignore[type-arg]
    theirs: TypeEngine[Any],
) -> None:
    dialect = op.get_bind().dialect
    is_key = column.name in ("id", "product_id")
    if not is_key:  # before its type: a default may not fit the other one
        table.alter_column(column.name, server_default=None)
    if not _holds(theirs, column.type, dialect.name):
        using = f'"{column.name}"::{column.type.compile(dialect=dialect)}'
        table.alter_column(column.name, type_=column.type, postgresql_using=using)
    default: Any = column.server_default
    if not is_key and default is not None:
        table.alter_column(column.name, server_default=default.arg)


def _holds(theirs: Any, ours: TypeEngine[Any], dialect: str) -> bool:
    """Whether their type holds all that ours does; then it stays: narrowing could cut values."""
    match ours:
        case sa.String():
            is_text = isinstance(theirs, sa.VARCHAR | sa.TEXT)
            longest = theirs.length if is_text else 0
            return longest is None or (ours.length is not None and longest >= ours.length)
        case Money():
            if not isinstance(theirs, sa.NUMERIC | sa.DECIMAL):
                return False
            precision, scale = theirs.precision, theirs.scale or 0
            return precision is None or (precision - scale >= 10 and scale >= 2)
        case sa.Integer():  # of PostgreSQL's any will do; SQLite gives ids to an INTEGER only
            return isinstance(theirs, sa.INTEGER if dialect == "sqlite" else sa.Integer)
        case _:  # SQLite's times are text, of which a CAST would leave the year
            return dialect == "sqlite" and isinstance(theirs, sa.String)


def _addable(column: sa.Column) -> sa.Column:  # type: ignore[type-arg]
    copy = column._copy()  # a column belongs to one table; Alembic copies so too
    copy.primary_key = False
    return copy


def _number_ids(name: str, given: ReflectedColumn) -> None:
    """Number the rows: PostgreSQL gives ids only where the table says so."""
    numbered = given.get("default") is not None or given.get("identity") is not None
    if op.get_bind().dialect.name == "sqlite" or numbered:
        return
    op.execute(f"ALTER TABLE {name} ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY")
    id_column = sa.column("id", sa.Integer())
    following = sa.func.coalesce(sa.func.max(id_column), 0) + 1
    sequence = sa.func.pg_get_serial_sequence(name, "id")
    op.execute(sa.select(sa.func.setval(sequence, following, False)).select_from(sa.table(name)))


#: The value for rows that have none, in columns that need one or whose readers expect it.
GAPS = {
    "products": {
        "category": "''",
        "raw_image": "''",
        "mrp": "0",
        "price": "0",
        "discount": "mrp - price",
        "gst": "0",
    },
    "product_images": {"image_url": "''"},
}
STATUSES = {
    "products": "'pending', 'pending_review', 'approved', 'rejected', 'failed'",
    "product_images": "'pending', 'approved', 'rejected'",
}


def _fill_gaps(name: str) -> None:
    """Make a missing or unknown status `pending`: nobody has looked at the row yet."""
    gaps = [f"{column} = COALESCE({column}, {value})" for column, value in GAPS[name].items()]
    for column in ("created_at", "updated_at"):
        moment = column
        if op.get_bind().dialect.name == "sqlite":  # as SQLAlchemy writes it, and reads it
            moment = f"strftime('%Y-%m-%d %H:%M:%f', {column}) || '000'"
        gaps.append(f"{column} = COALESCE({moment}, CURRENT_TIMESTAMP)")
    known = f"LOWER(status) IN ({STATUSES[name]})"
    gaps.append(f"status = CASE WHEN {known} THEN LOWER(status) ELSE 'pending' END")
    op.execute(f"UPDATE {name} SET {', '.join(gaps)}")  # noqa: S608  (our own words)


def _number_variants() -> None:
    """Number the pictures of each product as its variants 0, 1, 2, ... in order of id."""
    op.execute(
        "UPDATE product_images SET variant = numbered.variant FROM (SELECT id, ROW_NUMBER() OVER"
        " (PARTITION BY product_id ORDER BY id) - 1 AS variant FROM product_images) AS numbered"
        " WHERE numbered.id = product_images.id"
    )


def _open_rounds() -> None:
    """Make the pictures that a product already has its first round."""
    op.execute(
        "INSERT INTO rounds (product_id, number, wanted, opened_at)"
        " SELECT products.id, 1, COUNT(*), MIN(product_images.created_at) FROM product_images"
        " JOIN products ON products.id = product_images.product_id GROUP BY products.id"
    )
    op.execute("UPDATE products SET round = 1 WHERE id IN (SELECT product_id FROM rounds)")


def _constraints(name: str) -> list[sa.Constraint]:
    if name == "products":
        return [sa.PrimaryKeyConstraint("id", name="pk_products")]
    return [
        sa.PrimaryKeyConstraint("id", name="pk_product_images"),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name="fk_product_images_product_id_products",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "product_id", "round", "variant", name="uq_product_images_product_id_round_variant"
        ),
    ]


def _create_indexes(name: str) -> None:
    if name == "products":
        op.create_index("ix_products_batch_id_id", "products", ["batch_id", "id"])
        op.create_index("ix_products_category_id", "products", ["category", "id"])
        op.create_index("ix_products_queue", "products", ["status", "queued_at", "id"])
        op.create_index("ix_products_status_id", "products", ["status", "id"])
    else:
        op.create_index("ix_product_images_created_at", "product_images", ["created_at"])


def _timestamps() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("created_at", UTCDateTime(), server_default=CREATED, nullable=False),
        sa.Column("updated_at", UTCDateTime(), server_default=CREATED, nullable=False),
    ]


def _products() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(100), nullable=False),
        sa.Column("raw_image", sa.Text(), nullable=False),
        sa.Column("mrp", Money(), nullable=False),
        sa.Column("price", Money(), nullable=False),
        sa.Column("discount", Money(), nullable=True),
        sa.Column("gst", Money(), server_default=sa.text("0"), nullable=True),
        sa.Column("status", sa.String(20), server_default="pending", nullable=False),
        *_timestamps(),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("batch_id", sa.String(36), nullable=True),
        sa.Column("submitted_by", sa.String(100), nullable=True),
        sa.Column("round", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("queued_at", UTCDateTime(), nullable=True),
        sa.Column("sent_at", UTCDateTime(), nullable=True),
        sa.Column("not_before", UTCDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("token", sa.String(36), nullable=True),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.Column("error_code", sa.String(50), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("media_namespace", sa.String(36), nullable=True),
    ]


def _product_images() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("image_url", sa.Text(), nullable=False),
        sa.Column("status", sa.String(20), server_default="pending", nullable=False),
        *_timestamps(),
        sa.Column("round", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("variant", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("enhancer", sa.String(20), nullable=True),
        sa.Column("model", sa.String(100), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("warning", sa.Text(), nullable=True),
    ]


def _create_rounds() -> None:
    op.create_table(
        "rounds",
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column("enhancer", sa.String(20), nullable=True),
        sa.Column("analysis", sa.JSON(), nullable=True),
        sa.Column("refusals", sa.JSON(), nullable=True),
        sa.Column("opened_at", UTCDateTime(), server_default=CREATED, nullable=False),
        sa.Column("asked_by", sa.String(100), nullable=True),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name="fk_rounds_product_id_products",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("product_id", "number", name="pk_rounds"),
    )


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("previous", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(50), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("at", UTCDateTime(), server_default=CREATED, nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["product_images.id"],
            name="fk_decisions_image_id_product_images",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name="fk_decisions_product_id_products",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_product_id", "decisions", ["product_id"])
    op.create_index("ix_decisions_image_id", "decisions", ["image_id"])


def _create_calls() -> None:
    count = {"server_default": sa.text("0"), "nullable": False}
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("variant", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("model_version", sa.String(100), nullable=True),
        sa.Column("sent_at", UTCDateTime(), server_default=CREATED, nullable=False),
        sa.Column("completed_at", UTCDateTime(), nullable=True),
        sa.Column("outcome", sa.String(50), nullable=True),
        sa.Column("tokens_in", sa.Integer(), **count),  # type: ignore[arg-type]
        sa.Column("tokens_out", sa.Integer(), **count),  # type: ignore[arg-type]
        sa.Column("tokens_image", sa.Integer(), **count),  # type: ignore[arg-type]
        sa.Column("images", sa.Integer(), **count),  # type: ignore[arg-type]
        sa.Column("cost", Money(12, 6), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_index("ix_calls_product_id", "calls", ["product_id"])
    op.create_index("ix_calls_sent_at", "calls", ["sent_at"])


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("response", sa.JSON(), nullable=True),
        sa.Column("created_at", UTCDateTime(), server_default=CREATED, nullable=False),
        sa.PrimaryKeyConstraint("who", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scopes", sa.String(100), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("created_at", UTCDateTime(), server_default=CREATED, nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
