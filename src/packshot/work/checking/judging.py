"""Asks a model for a second opinion on doubtful checks, at most once for each picture."""

from __future__ import annotations

import logging
from typing import Final, Literal

from sqlalchemy import ColumnElement, select

from packshot.database.engine import Database
from packshot.database.models import Call
from packshot.enhancers.contract import Brief, Difference, Judge, Judgement, Views
from packshot.errors import PackshotError, Stopping
from packshot.fidelity.verdicts import VERDICTS, Check, CheckResult, Reason
from packshot.fidelity.votes import WORTH_ASKING, Opinion, Vote, add_opinion, combine, overrules
from packshot.products.checks import DueCheck

log = logging.getLogger("packshot.fidelity")

KIND: Final = "judge"  # of the calls in the ledger


class Judging:
    """`mode` says which checks get a second opinion: the doubtful ones, or all that could be
    measured."""

    def __init__(self, judge: Judge, mode: Literal["doubtful", "all"], database: Database) -> None:
        self.judge, self.database = judge, database
        self.verdicts = WORTH_ASKING if mode == "doubtful" else VERDICTS

    def is_wanted_for(self, done: CheckResult) -> bool:
        """Whether this check gets a second opinion."""
        return done.views is not None and done.check.verdict in self.verdicts

    def ask_about(self, due: DueCheck, done: CheckResult) -> Check:
        """The check with the model's vote, or unchanged if there is none.

        If the model can't be asked (the budget is spent, an outage), that is noted and not tried
        again: the reviewer sees the measured verdict. Raises Stopping; then another process asks.
        """
        check = done.check
        if done.views is None or not self.is_wanted_for(done):
            return check
        if self._was_asked(due):
            return _without(check, "asked before, but the answer was lost")
        try:
            return add_opinion(done, self._opinion(due, done, done.views))
        except Stopping:
            raise
        except PackshotError as error:
            log.info("no second opinion on picture %d: %s", due.image_id, error.message)
            return _without(check, error.message)

    def _was_asked(self, due: DueCheck) -> bool:
        """Whether the ledger has the call: it is there even if the process was killed."""
        place = (Call.product_id == due.product_id, Call.round == due.round)
        this: tuple[ColumnElement[bool], ...]
        this = (*place, Call.variant == due.variant, Call.kind == KIND)
        if due.since is not None:  # earlier calls were about another take
            this = (*this, Call.sent_at >= due.since)
        return self.database.has(select(Call.id).where(*this))

    def _opinion(self, due: DueCheck, done: CheckResult, views: tuple[Views, Views]) -> Opinion:
        """Ask once; if the vote overrules the verdict, ask again with the pictures swapped."""
        raw, enhanced = views
        brief = Brief(due.product_id, due.round, due.category, wanted=1, take=due.take)
        first = opinion_of(self.judge.compare(raw, enhanced, brief, due.variant))
        if not overrules(done, first.vote):
            return first
        second = self.judge.compare(enhanced, raw, brief, due.variant, swapped=True)
        return combine(first, opinion_of(second))


def opinion_of(said: Judgement) -> Opinion:
    """Turn a model's answer into a vote: a single difference that it is sure of is a change."""
    sure = [one for one in said.differences if one.sure]
    vote: Vote = "unsure"
    if said.same_product == "no" or sure:
        vote = "changed"
    elif said.same_product == "yes" and said.same_view:
        vote = "same"
    reasons = [Reason(code=f"judge_{one.kind}", words=_words(one), fact=_fact(one)) for one in sure]
    if vote == "changed" and not reasons:
        reasons = [Reason(code="judge_other", words=f"{said.model} sees another product")]
    return Opinion(vote=vote, reasons=reasons, model=said.model)


def _fact(one: Difference) -> str:
    """What the model saw in the photo (its picture A), as a fact for the next take's prompt."""
    place = f" ({one.where})" if one.where else ""
    return f'{one.kind.split("_")[0]} of the product{place}: "{one.in_a}"'


def _words(one: Difference) -> str:
    place = f", {one.where}" if one.where else ""
    kind = one.kind.replace("_", " ")
    return f'a model sees a difference ({kind}{place}): "{one.in_a}" is now "{one.in_b}"'


def _without(check: Check, why: str) -> Check:
    return check.model_copy(update={"judge": {"vote": None, "why": why}})
