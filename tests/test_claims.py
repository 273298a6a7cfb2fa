"""A claim belongs to one worker at a time, ends with its lease, and fences every write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy import update
from support.products import BOX, LEASE, record, taken

from packshot.database.engine import Database
from packshot.database.models import Product
from packshot.database.tables import bring_to_head
from packshot.database.types import now
from packshot.errors import EnhancerError, FetchError, LostClaim, Unavailable
from packshot.products.catalog import Catalog
from packshot.queues.database import DatabaseQueue
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import MAX_ATTEMPTS, Claims
from packshot.work.claiming.waiting import NothingToDo, NotNow


@pytest.fixture
def claims(database: Database) -> Claims:
    return Claims(database, LEASE, wanted=2)


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database, DatabaseQueue(database), wanted=2)


@pytest.fixture
def product_id(catalog: Catalog) -> int:
    return catalog.create([BOX]).products[0].id


def set_product(database: Database, **values: object) -> None:
    with database.write() as session:
        session.execute(update(Product).values(**values))


def test_one_of_many_gets_it(claims: Claims, product_id: int) -> None:
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(claims.claim_next())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(result, Claim) for result in got) == 1
    assert all(isinstance(result, Claim | NotNow) for result in got)


def test_a_new_claim_has_what_the_database_has(claims: Claims, product_id: int) -> None:
    claim = taken(claims, product_id)
    assert (claim.attempts, claim.alone, claim.missing) == (1, False, [0, 1])


def test_while_all_are_claimed_it_says_when_to_look_again(claims: Claims, product_id: int) -> None:
    taken(claims, product_id)
    later = claims.claim_next()
    assert isinstance(later, NotNow)
    assert LEASE - 10 < later.seconds <= LEASE


def test_a_message_waits_for_the_product_it_names_or_for_the_next_one(
    claims: Claims, catalog: Catalog
) -> None:
    """One is claimed for a minute, one is paused for ten, and a message may name neither."""
    first, second = (product.id for product in catalog.create([BOX] * 2).products)
    claim = taken(claims, first)
    claims.pause(taken(claims, second), FetchError("no answer"), 600)
    waits = [claims.claim_next(named=number) for number in (first, second, 4711)]
    seconds = [wait.seconds for wait in waits if isinstance(wait, NotNow)]
    assert LEASE - 10 < seconds[0] <= LEASE < 590 < seconds[1] <= 600
    assert LEASE - 10 < seconds[2] <= LEASE
    claims.complete(claim)
    assert isinstance(claims.claim_next(named=first), NotNow), "the message is still needed"


def test_a_message_comes_back_soon_for_a_product_that_is_only_locked_just_now(
    postgres_url: str,
) -> None:
    """The message that names it may have been used for another product already."""
    bring_to_head(postgres_url)
    with closing(Database(postgres_url)) as database:
        claims = Claims(database, LEASE, wanted=2)
        catalog = Catalog(database, DatabaseQueue(database), wanted=2)
        first, second = (product.id for product in catalog.create([BOX] * 2).products)
        taken(claims, first)
        with database.write() as session:  # as the sender does, when it notes what was sent
            session.execute(update(Product).where(Product.id == second).values(version=2))
            later = claims.claim_next(named=first)
    assert isinstance(later, NotNow)
    assert later.seconds == 1


def test_after_its_lease_an_old_claim_can_write_nothing(claims: Claims, product_id: int) -> None:
    old = taken(claims, product_id)
    set_product(claims.database, lease_until=now(-1))
    new = taken(claims, product_id)
    assert new.alone
    writes: tuple[Callable[[], None], ...] = (
        lambda: claims.save_analysis(old, "local", {}),
        lambda: claims.record_image(old, record(0)),
        lambda: claims.record_refusal(old, 0, EnhancerError("no")),
        lambda: claims.complete(old),
        lambda: claims.fail(old, EnhancerError("no")),
        lambda: claims.pause(old, EnhancerError("no"), 5),
        lambda: claims.give_back(old),
        lambda: claims.check(old),
    )
    for write in writes:
        with pytest.raises(LostClaim):
            write()
    assert claims.renew([old, new]) == [old]
    claims.complete(new)


@pytest.mark.parametrize("step", ["analysis", "picture"])
def test_a_saved_step_renews_the_lease(claims: Claims, product_id: int, step: str) -> None:
    claim = taken(claims, product_id)
    set_product(claims.database, lease_until=now(1))
    if step == "analysis":
        claims.save_analysis(claim, "local", {})
    else:
        claims.record_image(claim, record(0))
    later = claims.claim_next()
    assert isinstance(later, NotNow)
    assert later.seconds > LEASE - 10


@pytest.mark.parametrize("jump", [3600, -3600])
def test_the_heartbeat_corrects_a_lease_after_a_clock_jump(
    claims: Claims, product_id: int, jump: int
) -> None:
    """To the database's clock every moment it wrote before is an hour off then."""
    claim = taken(claims, product_id)
    set_product(claims.database, lease_until=now(LEASE - jump))
    claims.check(claim)
    assert claims.renew([claim]) == []
    assert isinstance(claims.claim_next(), NotNow)
    claims.complete(claim)


def test_a_heartbeat_keeps_the_claim(claims: Claims, product_id: int) -> None:
    claim = taken(claims, product_id)
    set_product(claims.database, lease_until=now(1))
    assert claims.renew([claim]) == []
    later = claims.claim_next()
    assert isinstance(later, NotNow)
    assert later.seconds > LEASE - 10


def test_five_claims_without_progress_fail_the_product(
    claims: Claims, catalog: Catalog, product_id: int
) -> None:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        claim = taken(claims, product_id)
        assert claim.attempts == attempt
        if claim.alone:
            claims.begin(claim)
        set_product(claims.database, lease_until=now(-1))
    assert isinstance(claims.claim_next(), NothingToDo)
    failed = catalog.product(product_id)
    assert (failed.status, failed.error_code) == ("failed", "worker_died")
    assert failed.error is not None
    assert "5 times" in failed.error


def test_a_saved_step_resets_the_count_of_attempts(claims: Claims, product_id: int) -> None:
    claim = taken(claims, product_id)
    claims.record_image(claim, record(0))
    set_product(claims.database, lease_until=now(-1))
    again = taken(claims, product_id)
    assert (again.attempts, again.missing) == (1, [1])


def test_an_outage_gives_the_attempt_back(
    claims: Claims, catalog: Catalog, product_id: int
) -> None:
    claim = taken(claims, product_id)
    claims.give_back(claim, 30, Unavailable("the store is away"))
    waiting = catalog.product(product_id)
    assert (waiting.attempts, waiting.error) == (0, "the store is away")
    later = claims.claim_next()
    assert isinstance(later, NotNow)
    assert 20 < later.seconds <= 30


def test_a_refused_variant_is_not_missing(claims: Claims, product_id: int) -> None:
    claim = taken(claims, product_id)
    claims.record_refusal(claim, 1, EnhancerError("a weapon", code="safety"))
    claims.give_back(claim)
    assert taken(claims, product_id).missing == [0]


@pytest.mark.parametrize("status", ["pending_review", "approved", "rejected", "failed"])
def test_only_pending_products_are_claimed(claims: Claims, product_id: int, status: str) -> None:
    set_product(claims.database, status=status)
    assert isinstance(claims.claim_next(), NothingToDo)


def test_a_deleted_product_leaves_nothing_to_do(claims: Claims) -> None:
    assert isinstance(claims.claim_next(), NothingToDo)


def test_dying_while_waiting_to_be_alone_costs_no_attempt(
    claims: Claims, catalog: Catalog, product_id: int
) -> None:
    """A picture that kills the process must not use up the attempts of its neighbours."""
    for _ in range(MAX_ATTEMPTS + 3):
        taken(claims, product_id)
        set_product(claims.database, lease_until=now(-1))
    assert taken(claims, product_id).attempts == 2
    assert catalog.product(product_id).attempts == 1


def test_a_claim_given_back_before_it_began_takes_no_attempt_away(
    claims: Claims, catalog: Catalog, product_id: int
) -> None:
    taken(claims, product_id)
    set_product(claims.database, lease_until=now(-1))
    claims.give_back(taken(claims, product_id))
    assert catalog.product(product_id).attempts == 1


def test_the_reason_is_the_death_and_not_an_older_error(
    claims: Claims, catalog: Catalog, product_id: int
) -> None:
    claims.pause(taken(claims, product_id), FetchError("the host is away"), 0)
    for _ in range(MAX_ATTEMPTS - 1):
        claim = taken(claims, product_id)
        claims.begin(claim)
        set_product(claims.database, lease_until=now(-1))
    assert isinstance(claims.claim_next(), NothingToDo)
    assert catalog.product(product_id).error_code == "worker_died"
