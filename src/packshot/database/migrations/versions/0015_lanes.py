"""Lanes: the price at which each call is paid, and the jobs of the batch lane."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from packshot.database.types import UTCDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

CREATED = sa.text("CURRENT_TIMESTAMP")


def _lane() -> sa.Column[str]:
    return sa.Column("lane", sa.String(10), server_default="standard", nullable=False)


def upgrade() -> None:
    op.add_column("rounds", _lane())
    op.add_column("rounds", sa.Column("answer", sa.Text(), nullable=True))
    op.add_column("calls", _lane())
    op.add_column("products", sa.Column("batched_at", UTCDateTime(), nullable=True))
    op.drop_index("ix_calls_kind_outcome_cost", "calls")
    op.create_index("ix_calls_kind_outcome_lane_cost", "calls", ["kind", "outcome", "lane", "cost"])
    op.create_table(
        "batch_jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("display_name", sa.String(100), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("file", sa.String(200), nullable=True),
        sa.Column("name", sa.String(200), nullable=True),
        sa.Column("results", sa.String(200), nullable=True),
        sa.Column("opened_at", UTCDateTime(), server_default=CREATED, nullable=False),
        sa.Column("changed_at", UTCDateTime(), server_default=CREATED, nullable=False),
        sa.Column("deadline", UTCDateTime(), nullable=False),
        sa.Column("not_before", UTCDateTime(), server_default=CREATED, nullable=False),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("token", sa.String(36), nullable=True),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_batch_jobs"),
        sa.UniqueConstraint("display_name", name="uq_batch_jobs_display_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_batch_jobs_state_not_before", "batch_jobs", ["state", "not_before"])
    op.create_table(
        "batch_items",
        sa.Column("product_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("variant", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("asked_at", UTCDateTime(), server_default=CREATED, nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("call_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("product_id", "round", "variant", name="pk_batch_items"),
        sa.ForeignKeyConstraint(["job_id"], ["batch_jobs.id"], name="fk_batch_items_job_id"),
    )
    op.create_index("ix_batch_items_job_id", "batch_items", ["job_id"])
    op.create_index(
        "ix_batch_items_state_kind_asked_at", "batch_items", ["state", "kind", "asked_at"]
    )


def downgrade() -> None:
    # Products that wait for a job return to the queue: an older program knows no jobs.
    op.execute(
        "UPDATE products SET queued_at = CURRENT_TIMESTAMP WHERE batched_at IS NOT NULL"
        " AND status = 'pending'"
    )
    op.drop_table("batch_items")
    op.drop_table("batch_jobs")
    op.drop_index("ix_calls_kind_outcome_lane_cost", "calls")
    op.create_index("ix_calls_kind_outcome_cost", "calls", ["kind", "outcome", "cost"])
    for table, column in (
        ("products", "batched_at"),
        ("calls", "lane"),
        ("rounds", "answer"),
        ("rounds", "lane"),
    ):
        op.drop_column(table, column)
