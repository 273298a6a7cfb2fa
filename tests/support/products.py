"""Products to test with, and the moves a worker makes on them."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import update

from packshot.database.engine import Database
from packshot.database.models import Product
from packshot.database.types import now
from packshot.products.seller_fields import NewProduct
from packshot.work.claiming.claim import Claim, ImageRecord
from packshot.work.claiming.claims import Claims

BOX = NewProduct(
    "Boxes", "https://shop.example/box.jpg", Decimal(10), Decimal(9), Decimal(1), Decimal(18)
)
LEASE = 60.0


def record(variant: int) -> ImageRecord:
    key = f"enhanced/1/{variant}.jpg"
    return ImageRecord(
        variant, f"/media/{key}", key, "white", "p", "local", "m", 8, 8, 99, "0" * 64, None
    )


def taken(claims: Claims, product_id: int) -> Claim:
    """The claim of the next product, which is to be this one."""
    claim = claims.claim_next()
    assert isinstance(claim, Claim)
    assert claim.product_id == product_id
    return claim


def age(database: Database, column: str, seconds: float) -> None:
    """As if it had happened so many seconds ago; what never did stays so."""
    with database.write() as session:
        happened = getattr(Product, column).is_not(None)
        session.execute(update(Product).where(happened).values({column: now(-seconds)}))
