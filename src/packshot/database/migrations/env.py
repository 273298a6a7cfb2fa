"""Runs the revisions in the transaction of the connection that `bring_to_head` passes."""

from __future__ import annotations

from typing import Any

from alembic import context

from packshot.database.models import Base


def note(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:  # Alembic names the arguments
    applied.append(step.up_revision_id)


connection = context.config.attributes["connection"]
applied: list[str] = context.config.attributes.get("applied", [])
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    on_version_apply=note,
)
with context.begin_transaction():
    context.run_migrations()
