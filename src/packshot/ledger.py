"""The paid requests: written before they are sent, completed after, read for pace and budget."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from sqlalchemy import func, select, update

from packshot.database import Database
from packshot.enhancers import Brief, CallRecord
from packshot.errors import PackshotError, Unavailable
from packshot.models import Call, now
from packshot.patience import Patience

log = logging.getLogger("packshot.ledger")


class DatabaseLedger:
    """The `calls` table, which all processes share."""

    def __init__(self, database: Database, patience: Patience | None = None) -> None:
        self.database = database
        self.patience = patience or Patience()

    @contextmanager
    def call(
        self, kind: str, model: str, brief: Brief, variant: int | None
    ) -> Iterator[CallRecord]:
        """A row for one request; its outcome is the error's code when the block raises."""
        record = CallRecord()
        call_id = self._begin(kind, model, brief, variant)
        try:
            yield record
        except BaseException as error:
            record.outcome = error.code if isinstance(error, PackshotError) else "crashed"
            raise
        finally:
            self._keep(call_id, record)

    def _begin(self, kind: str, model: str, brief: Brief, variant: int | None) -> int:
        with self.database.write() as session:
            call = Call(
                product_id=brief.product_id,
                round=brief.round,
                variant=variant,
                kind=kind,
                model=model,
                sent_at=now(),
            )
            session.add(call)
            session.flush()
            return call.id

    def _keep(self, call_id: int, record: CallRecord) -> None:
        """Note how it ended. The answer is worth more than the note: it must not go with it."""
        try:
            self.patience.keep(lambda: self._complete(call_id, record))
        except Unavailable as error:
            log.warning("call %d stays without its outcome: %s", call_id, error.message)

    def _complete(self, call_id: int, record: CallRecord) -> None:
        with self.database.write() as session:
            session.execute(
                update(Call)
                .where(Call.id == call_id)
                .values(
                    completed_at=now(),
                    outcome=record.outcome,
                    model_version=record.model_version,
                    tokens_in=record.tokens_in,
                    tokens_out=record.tokens_out,
                    tokens_image=record.tokens_image,
                    images=record.images,
                    cost=record.cost,
                )
            )

    def sent_within(self, seconds: float, model: str | None = None) -> int:
        """Requests sent in the last `seconds` by all processes."""
        query = select(func.count()).select_from(Call).where(Call.sent_at > now(-seconds))
        query = query if model is None else query.where(Call.model == model)
        with self.database.read() as session:
            return session.scalar(query) or 0

    def spent_today(self) -> Decimal:
        """US dollars since midnight UTC, by all processes."""
        with self.database.read() as session:
            moment = session.execute(select(now())).scalar_one()
            midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
            spent = session.scalar(
                select(func.coalesce(func.sum(Call.cost), 0)).where(Call.sent_at >= midnight)
            )
        return Decimal(str(spent))
