"""Nothing is stuck: waiting products are cancelled, failed ones get another photo."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from support.shop import Shop

from packshot.database.models import Deletion, Product, Round
from packshot.database.types import now
from packshot.errors import LostClaim, Unavailable
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import Claims


def claims_of(shop: Shop) -> Claims:
    return Claims(shop.services.database, 60.0, 3)


def test_a_cancelled_product_waits_until_it_is_requested_again(shop: Shop) -> None:
    [product] = shop.create()
    claim = claims_of(shop).claim_next()
    assert isinstance(claim, Claim)
    answer = shop.ask("POST", f"/api/products/{product}/cancel")
    found = answer.get_json()["data"]["product"]
    assert (found["status"], found["error_code"]) == ("failed", "cancelled")
    with pytest.raises(LostClaim):
        claims_of(shop).save_analysis(claim, "local", {})
    assert not isinstance(claims_of(shop).claim_next(), Claim)
    assert shop.ask("POST", f"/api/products/{product}/cancel").status_code == 409
    assert shop.ask("POST", f"/api/products/{product}/enhance").status_code == 200
    again = claims_of(shop).claim_next()
    assert isinstance(again, Claim) and again.product_id == product


def failed(shop: Shop) -> int:
    """A product that failed after something was read off its photo."""
    [product] = shop.create()
    claim = claims_of(shop).claim_next()
    assert isinstance(claim, Claim)
    claims_of(shop).save_digest(claim, "0" * 64)
    claims_of(shop).save_analysis(claim, "local", {"product": "a shoe"})
    claims_of(shop).fail(claim, Unavailable("the photo is not there"))
    return product


def test_a_failed_product_gets_another_photo_and_keeps_nothing_of_the_old(shop: Shop) -> None:
    product, new = failed(shop), "https://shop.example/new.jpg?signature=secret"
    with shop.services.database.read() as session:
        old = session.get_one(Product, product).media_namespace
    answer = shop.ask("PATCH", f"/api/products/{product}", json={"raw_image": new})
    assert answer.get_json()["data"]["product"]["raw_image"] == new
    assert shop.ask("POST", f"/api/products/{product}/enhance").status_code == 200
    claim = claims_of(shop).claim_next()
    assert isinstance(claim, Claim)
    assert (claim.raw_image, claim.analysis, claim.normalised_sha256) == (new, None, None)
    assert claim.namespace != old
    with shop.services.database.read() as session:
        [deletion] = session.scalars(select(Deletion)).all()
        assert (deletion.product_id, deletion.namespace) == (product, old)
        assert session.get_one(Round, (product, 1)).enhancer is None
    [line] = shop.services.catalog.corrections(product)
    assert "secret" not in str(line.changes)


def test_a_photo_that_pictures_were_made_of_stays(shop: Shop) -> None:
    product, _ = shop.reviewable()
    wish = {"raw_image": "https://shop.example/new.jpg"}
    for status in ("pending_review", "failed"):
        with shop.services.database.write() as session:
            session.execute(update(Product).values(status=status))
        answer = shop.ask("PATCH", f"/api/products/{product}", json=wish)
        assert answer.get_json()["type"] == "/problems/raw_image_fixed"


def test_another_photo_is_checked_as_a_first_one_is(shop: Shop) -> None:
    product = failed(shop)
    for address in ("http://127.0.0.1/x.jpg", "nonsense", None):
        answer = shop.ask("PATCH", f"/api/products/{product}", json={"raw_image": address})
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["pointer"] == "/raw_image"


def wait_for(shop: Shop, product: int, seconds: float) -> None:
    with shop.services.database.write() as session:
        session.execute(
            update(Product).where(Product.id == product).values(queued_at=now(-seconds))
        )


def problem(shop: Shop) -> str | None:
    found: str | None = shop.ask("GET", "/api/stats").get_json()["data"]["problem"]
    assert shop.ask("GET", "/desk/state").get_json()["worker"] == found
    notes = shop.ask("GET", "/readyz").get_json()["notes"]
    assert (found in notes) if found else not any("worker" in note for note in notes)
    return found


def test_products_that_no_worker_takes_are_noticed(shop: Shop) -> None:
    """As with WORKER_ENABLED=false and no other worker: they waited, and nothing said why."""
    [product] = shop.create()
    assert problem(shop) is None
    wait_for(shop, product, 720)
    assert problem(shop) == (
        "the oldest product has waited 12 minutes and none is being worked on:"
        " start a worker (`packshot worker`), or read its log"
    )
    [other] = shop.create()
    claim = claims_of(shop).claim_next()
    assert isinstance(claim, Claim) and claim.product_id == product
    wait_for(shop, other, 720)
    assert problem(shop) is None


def test_a_product_in_its_pause_is_not_one_that_no_worker_takes(shop: Shop) -> None:
    [product] = shop.create()
    wait_for(shop, product, 720)
    for since in (-30, 30):  # a pause that has ended a moment ago, and one that goes on
        with shop.services.database.write() as session:
            paused = update(Product).where(Product.id == product)
            session.execute(paused.values(not_before=now(since)))
        assert problem(shop) is None
