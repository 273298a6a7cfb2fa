"""The story of one product: each step is saved, only what is missing is made."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from support.fakes import FakeEnhancer, photo_bytes
from support.products import BOX, LEASE, record, taken

from packshot.database.engine import Database
from packshot.database.models import Product, ProductImage, Round
from packshot.database.types import now
from packshot.errors import (
    EnhancerError,
    FetchError,
    LostClaim,
    PackshotError,
    PaidInVain,
    PartlyUnavailable,
    Unavailable,
    VariantRefused,
)
from packshot.pictures import imaging
from packshot.pictures.child_processes import Pixels
from packshot.products.catalog import Catalog
from packshot.products.lookup import Editor
from packshot.products.object_keys import variant_key
from packshot.queues.database import DatabaseQueue
from packshot.storage import LocalStorage
from packshot.work import pipeline
from packshot.work.claiming.claims import Claims
from packshot.work.keep_trying import KeepTrying
from packshot.work.making.normalised_copy import load_photo
from packshot.work.making.parts import Parts


@pytest.fixture(scope="module")
def pixels() -> Iterator[Pixels]:
    pixels = Pixels()
    yield pixels
    pixels.close()


class Shop:
    """A product, and the parts its story works with."""

    def __init__(self, database: Database, folder: Path, pixels: Pixels) -> None:
        self.enhancer = FakeEnhancer()
        self.fetched: list[str] = []
        self.database = database
        self.parts = Parts(
            claims=Claims(database, LEASE, wanted=3),
            read_raw=self.read_raw,
            storage=LocalStorage(folder),
            pixels=pixels,
            enhancer=self.enhancer,
            output=imaging.OutputSpec(aspect="1:1"),
        )
        self.catalog = Catalog(database, DatabaseQueue(database), wanted=3)
        self.product_id = self.catalog.create([BOX]).products[0].id

    def read_raw(self, url: str) -> bytes:
        self.fetched.append(url)
        return photo_bytes()

    def run(self) -> None:
        pipeline.run(taken(self.parts.claims, self.product_id), self.parts)

    def die(self) -> None:
        """The process ended here: its lease runs out."""
        with self.database.write() as session:
            session.execute(update(Product).values(lease_until=now(-1)))

    @property
    def product(self):  # type: ignore[no-untyped-def]
        return self.catalog.product(self.product_id)

    def objects(self, prefix: str) -> list[str]:
        return sorted(self.parts.storage.list(prefix))


@pytest.fixture
def shop(database: Database, tmp_path: Path, pixels: Pixels) -> Shop:
    return Shop(database, tmp_path / "media", pixels)


def failing(kind: str, variant: int | None, error: Exception) -> Callable[[str, int | None], None]:
    def plan(asked_kind: str, asked_variant: int | None) -> None:
        if (asked_kind, asked_variant) == (kind, variant):
            raise error

    return plan


def test_a_photo_becomes_three_pictures(shop: Shop) -> None:
    shop.run()
    product = shop.product
    assert (product.status, product.attempts, len(product.images)) == ("pending_review", 0, 3)
    assert [image.title for image in product.images] == ["plan 0", "plan 1", "plan 2"]
    assert len(shop.objects("enhanced/")) == 3
    assert len(shop.objects("normalised/")) == 1
    assert len(shop.objects("previews/")) == 2  # of the photo; the pictures are small
    for image in product.images:
        stored = shop.parts.storage.get(image.media_url.removeprefix("/media/"))
        assert len(stored) == image.bytes
        assert list(image.previews) == [320, 1600]
        for address in image.previews.values():
            assert shop.parts.storage.exists(address.removeprefix("/media/"))


class FullStorage(LocalStorage):
    """Refuses enhanced pictures, accepts everything else."""

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        if key.startswith("enhanced/"):
            raise Unavailable("no space left")
        return super().put_new(key, data, content_type)


def die_with_full_storage(shop: Shop, tmp_path: Path) -> None:
    """The worker dies after it paid for a picture, and before that is stored."""
    whole = shop.parts
    full = FullStorage(tmp_path / "media")
    shop.parts = replace(whole, storage=full, keep_trying=KeepTrying(0))
    with pytest.raises(Unavailable):
        shop.run()
    shop.die()
    shop.parts = whole


def test_a_paid_answer_outlives_a_crash_before_its_picture_is_stored(
    shop: Shop, tmp_path: Path
) -> None:
    die_with_full_storage(shop, tmp_path)
    assert len(shop.objects("answers/")) == 1  # they are asked for one after the other
    shop.run()
    assert shop.enhancer.asked[shop.product_id, 1, 0] == 1
    assert sum(shop.enhancer.asked.values()) == 4
    assert (shop.product.status, len(shop.product.images)) == ("pending_review", 3)
    assert shop.objects("answers/") == []


class UnreadableOnce(LocalStorage):
    """Can't say for the first picture whether it exists, though it answers for other keys."""

    failed = False

    def exists(self, key: str) -> bool:
        if not self.failed:
            self.failed = True
            raise FetchError("the bucket answered 503", code="unreadable_object", retryable=True)
        return super().exists(key)


def test_a_paid_answer_outlives_an_error_of_one_object(shop: Shop, tmp_path: Path) -> None:
    die_with_full_storage(shop, tmp_path)
    shop.parts = replace(shop.parts, storage=UnreadableOnce(tmp_path / "media"))
    with pytest.raises(FetchError):
        shop.run()
    shop.die()
    shop.run()
    assert set(shop.enhancer.asked.values()) == {1}
    assert (shop.product.status, len(shop.product.images)) == ("pending_review", 3)


def test_a_worker_that_lost_the_product_stores_no_answer(shop: Shop) -> None:
    shop.enhancer.plan = lambda kind, variant: None if variant is None else stolen(shop)
    with pytest.raises(LostClaim):
        shop.run()
    assert shop.objects("answers/") == shop.objects("enhanced/") == []


def stolen(shop: Shop) -> None:
    with shop.database.write() as session:
        session.execute(update(Product).values(token="somebody else's"))


def test_another_enhancer_makes_its_own_plans_for_what_is_missing(shop: Shop) -> None:
    """Gemini's quota is used up, and the operator goes on with ENHANCER=local."""
    shop.enhancer.plan = failing("picture", 1, Unavailable("the quota is used up"))
    with pytest.raises(Unavailable):
        shop.run()
    shop.die()
    other = FakeEnhancer()
    other.name = "other"
    shop.parts = replace(shop.parts, enhancer=other)
    shop.run()
    assert other.asked[shop.product_id, 1, None] == 1
    assert shop.product.status == "pending_review"
    made_by = [image.enhancer for image in shop.product.images]
    assert made_by == [shop.enhancer.name, "other", "other"]


@pytest.mark.parametrize("parallel", [False, True])
def test_a_restart_makes_only_what_is_missing(shop: Shop, parallel: bool) -> None:
    shop.enhancer.parallel = parallel
    shop.enhancer.plan = failing("picture", 1, Unavailable("the enhancer is away"))
    with pytest.raises(Unavailable):
        shop.run()
    shop.die()
    shop.enhancer.plan = lambda kind, variant: None
    shop.run()
    asked = {key[2]: count for key, count in shop.enhancer.asked.items()}
    assert asked == {None: 1, 0: 1, 1: 2, 2: 1}
    assert len(shop.fetched) == 1
    assert len(shop.product.images) == 3


def test_a_stored_picture_whose_record_was_lost_is_adopted(shop: Shop) -> None:
    shop.enhancer.warning = "Compare the toe with the photo."
    shop.run()
    before = {image.variant: (image.sha256, image.warning) for image in shop.product.images}
    with shop.database.write() as session:
        session.execute(delete(ProductImage).where(ProductImage.variant == 1))
        session.execute(update(Product).values(status="pending"))
    shop.enhancer.warning = None
    shop.run()
    after = {image.variant: (image.sha256, image.warning) for image in shop.product.images}
    assert after == before
    assert {warning for _, warning in after.values()} == {"Compare the toe with the photo."}
    assert sum(shop.enhancer.asked.values()) == 4


def test_a_refused_picture_leaves_the_others_and_a_warning(shop: Shop) -> None:
    shop.enhancer.plan = failing("picture", 1, VariantRefused("blocked for safety"))
    shop.run()
    product = shop.product
    assert (product.status, [image.variant for image in product.images]) == (
        "pending_review",
        [0, 2],
    )
    assert product.warning == "Picture 2 is missing: blocked for safety."


def test_a_product_all_of_whose_pictures_are_refused_has_none(shop: Shop) -> None:
    def refuse(kind: str, variant: int | None) -> None:
        if kind == "picture":
            raise VariantRefused("blocked for safety")

    shop.enhancer.plan = refuse
    with pytest.raises(VariantRefused):
        shop.run()


def test_a_refusal_is_remembered(shop: Shop) -> None:
    def refuse_then_fail(kind: str, variant: int | None) -> None:
        if variant == 0:
            raise VariantRefused("blocked for safety")
        if variant == 1:
            raise EnhancerError("no picture came")

    shop.enhancer.plan = refuse_then_fail
    with pytest.raises(EnhancerError):
        shop.run()
    shop.die()
    shop.enhancer.plan = lambda kind, variant: None
    shop.run()
    assert shop.enhancer.asked[shop.product_id, 1, 0] == 1
    assert [image.variant for image in shop.product.images] == [1, 2]


def attempt(shop: Shop, times: int = 1) -> PackshotError | None:
    """As the worker does: what the last of these attempts ended with."""
    met = None
    for _ in range(times):
        claim = taken(shop.parts.claims, shop.product_id)
        try:
            met = None
            pipeline.run(claim, shop.parts)
        except EnhancerError as error:
            met = error
            shop.parts.claims.pause(claim, error, 0.0)
    return met


@pytest.mark.parametrize(
    ("parallel", "error", "tries"),
    [(False, EnhancerError, 6), (True, EnhancerError, 6), (True, PaidInVain, 3)],
)
def test_a_variant_that_always_fails_does_not_stop_the_others(
    shop: Shop, parallel: bool, error: type[EnhancerError], tries: int
) -> None:
    """In the first try the two others were made; what is paid for is tried fewer times."""
    shop.enhancer.parallel = parallel
    shop.enhancer.plan = failing("picture", 1, error("no picture came", code="no_picture"))
    assert attempt(shop, tries - 1) is not None
    assert attempt(shop) is None

    product = shop.product
    assert (product.status, [image.variant for image in product.images]) == (
        "pending_review",
        [0, 2],
    )
    assert product.warning == "Picture 2 is missing: no picture came."
    asked = {key[2]: count for key, count in shop.enhancer.asked.items()}
    assert asked == {None: 1, 0: 1, 1: tries, 2: 1}


def test_a_picture_that_can_never_be_made_is_given_up_at_once(shop: Shop) -> None:
    shop.enhancer.plan = failing("picture", 1, EnhancerError("bad request", retryable=False))
    assert attempt(shop) is None
    assert len(shop.product.images) == 2


def test_a_product_without_any_picture_is_not_saved_by_giving_up(shop: Shop) -> None:
    def never(kind: str, variant: int | None) -> None:
        if kind == "picture":
            raise EnhancerError("no picture came")

    shop.enhancer.plan = never
    assert attempt(shop, 5) is not None
    assert shop.product.warning is None  # a retry asks for all of them again


def test_an_outage_gives_no_picture_up(shop: Shop) -> None:
    shop.enhancer.plan = failing("picture", 1, EnhancerError("no picture came"))
    attempt(shop, 5)
    shop.enhancer.plan = failing("picture", 1, Unavailable("away"))
    with pytest.raises(Unavailable):
        shop.run()
    assert shop.product.warning is None


@pytest.mark.parametrize(
    "error", [FetchError("404 from shop.example"), Unavailable("away"), EnhancerError("nothing")]
)
def test_errors_are_raised_unchanged(shop: Shop, error: PackshotError) -> None:
    shop.enhancer.plan = failing("analysis", None, error)
    with pytest.raises(type(error)):
        shop.run()
    assert shop.product.images == []


def test_a_worker_that_lost_its_claim_writes_nothing(shop: Shop) -> None:
    def lose_it(kind: str, variant: int | None) -> None:
        if variant == 1:
            shop.die()
            taken(shop.parts.claims, shop.product_id)

    shop.enhancer.plan = lose_it
    with pytest.raises(LostClaim):
        shop.run()
    assert [image.variant for image in shop.product.images] == [0]
    assert len(shop.objects("enhanced/")) == 1


def test_a_redo_never_fetches_again(shop: Shop) -> None:
    shop.run()
    shop.catalog.enhance(shop.product_id, by=Editor("ann"), instructions="brighter")
    shop.run()
    assert len(shop.fetched) == 1
    assert len(shop.objects("enhanced/")) == 6
    assert shop.product.round == 2


class AwayFor:
    """A part whose named method is away a few times, then works."""

    def __init__(self, part: object, method: str, times: int) -> None:
        self.part, self.method, self.left = part, method, times

    def __getattr__(self, name: str) -> object:
        if name == self.method and self.left:
            return self._away
        return getattr(self.part, name)

    def _away(self, *_: object) -> None:
        self.left -= 1
        raise Unavailable(f"{self.method} is away")


@pytest.mark.parametrize(
    ("part", "method"),
    [
        ("claims", "save_analysis"),
        ("claims", "check"),
        ("claims", "record_image"),
        ("storage", "put_new"),
        ("storage", "put"),
    ],
)
def test_paid_answers_are_kept_while_a_part_is_unreachable(
    shop: Shop, part: str, method: str
) -> None:
    away = AwayFor(getattr(shop.parts, part), method, 3)
    keep_trying = KeepTrying(longest=10, sleep=lambda seconds: None)

    def now_away(kind: str, variant: int | None) -> None:
        if kind == "picture" or method == "save_analysis":
            object.__setattr__(shop.parts, part, away)

    shop.enhancer.plan = now_away
    shop.parts = replace(shop.parts, keep_trying=keep_trying)
    shop.run()
    assert away.left == 0
    assert set(shop.enhancer.asked.values()) == {1}
    assert len(shop.product.images) == 3
    assert len(shop.objects("previews/")) == 2


def test_a_worker_that_froze_before_storing_overwrites_nothing(shop: Shop) -> None:
    """It had looked at its claim already; meanwhile another one finished the product."""
    real, late = shop.parts.storage, iter([True])

    class Frozen(AwayFor):
        def put_new(self, key: str, data: bytes, content_type: str) -> bool:
            if key.startswith("enhanced/") and next(late, False):
                shop.die()
                shop.enhancer.plan = lambda kind, variant: None
                pipeline.run(
                    taken(shop.parts.claims, shop.product_id), replace(shop.parts, storage=real)
                )
                data += b"late"
            return real.put_new(key, data, content_type)

    shop.parts = replace(shop.parts, storage=Frozen(real, "", 0))  # type: ignore[arg-type]
    with pytest.raises(LostClaim):
        shop.run()
    assert len(shop.product.images) == 3
    for image in shop.product.images:
        kept = real.get(image.media_url.removeprefix("/media/"))
        assert hashlib.sha256(kept).hexdigest() == image.sha256


def test_a_picture_that_a_late_worker_stored_first_keeps_its_own_warning(shop: Shop) -> None:
    """It was announced before the claim was lost, and stored while the next worker paid, too."""
    late, photo = taken(shop.parts.claims, shop.product_id), photo_bytes(9)
    warning, digest = "an uncertain cut-out", hashlib.sha256(photo).hexdigest()
    shop.parts.claims.announce_picture(late, 0, digest, warning, None)
    shop.die()

    def store_late(kind: str, variant: int | None) -> None:
        if variant == 0:
            key = variant_key(late.namespace, late.product_id, 1, 0)
            assert shop.parts.storage.put_new(key, photo, "image/jpeg")

    shop.enhancer.plan = store_late
    with pytest.raises(PartlyUnavailable):
        shop.run()
    shop.enhancer.plan = lambda kind, variant: None
    shop.die()
    shop.run()
    first = shop.product.images[0]
    assert (first.sha256, first.warning) == (digest, warning)
    assert shop.enhancer.asked[shop.product_id, 1, 0] == 1 and not shop.objects("answers/")


def test_a_picture_that_a_restored_backup_does_not_know_is_adopted(shop: Shop) -> None:
    """The backup is of before the analysis; the bucket has what was made after it."""
    shop.run()
    first = [image.sha256 for image in shop.product.images]
    with shop.database.write() as session:
        session.execute(delete(ProductImage))
        session.execute(update(Round).values(analysis=None, digests=None))
        session.execute(update(Product).values(status="pending"))
    shop.enhancer.paint = lambda variant: photo_bytes(variant + 5)
    with pytest.raises(PartlyUnavailable):
        shop.run()
    shop.die()
    shop.run()
    assert [image.sha256 for image in shop.product.images] == first


def test_previews_lost_in_a_crash_are_made_again(shop: Shop) -> None:
    shop.run()
    lost = set(shop.objects("previews/"))
    shop.parts.storage.delete([*lost, *shop.objects("enhanced/")])
    with shop.database.write() as session:
        session.execute(delete(ProductImage))
        session.execute(update(Round).values(analysis=None))
        session.execute(update(Product).values(status="pending"))
    shop.run()
    assert set(shop.objects("previews/")) >= lost


def test_a_record_whose_answer_was_lost_is_written_once(shop: Shop) -> None:
    claim = taken(shop.parts.claims, shop.product_id)
    for _ in range(2):
        shop.parts.claims.record_image(claim, record(0))
    assert len(shop.product.images) == 1


class Crowded(Pixels):
    """Pixel children of a machine that has no room for one, for a while, once a picture is paid."""

    refusals = 2

    def run(self, function, *args, **seconds):  # type: ignore[no-untyped-def]
        if function is imaging.finish and self.refusals:
            self.refusals -= 1
            raise Unavailable("this machine can't start a pixel process")
        return super().run(function, *args, **seconds)


def test_a_paid_picture_waits_for_room_to_be_finished(shop: Shop) -> None:
    crowded = Crowded()
    keep_trying = KeepTrying(longest=10, sleep=lambda seconds: None)
    shop.parts = replace(shop.parts, pixels=crowded, keep_trying=keep_trying)
    shop.run()
    crowded.close()
    assert crowded.refusals == 0
    assert set(shop.enhancer.asked.values()) == {1}


class PausedPixels(Pixels):
    """Begins no job before `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def run(self, function, *args, **seconds):  # type: ignore[no-untyped-def]
        assert self.go.wait(20)
        return super().run(function, *args, **seconds)


@pytest.mark.parametrize(
    ("raw_image", "read"), [("/media/uploads/box.jpg", 2), ("https://shop.example/box.jpg", 4)]
)
def test_only_downloads_do_not_wait_for_a_pixel_process(
    shop: Shop, raw_image: str, read: int
) -> None:
    """A photo that is read long before its pixel work only takes memory."""
    pixels, first_are_read = PausedPixels(), threading.Barrier(read + 1)

    def read_raw(url: str) -> bytes:
        if not pixels.go.is_set():
            first_are_read.wait(20)
        return photo_bytes()

    parts = replace(shop.parts, pixels=pixels, read_raw=read_raw)
    ids = [
        shop.product_id,
        *(
            each.id
            for each in shop.catalog.create([replace(BOX, raw_image=raw_image)] * 4).products
        ),
    ]
    _, *claims = [taken(parts.claims, each) for each in ids]
    with ThreadPoolExecutor(len(claims)) as pool:
        photos = [pool.submit(load_photo, claim, parts) for claim in claims]
        first_are_read.wait(20)
        pixels.go.set()
        assert {photo.result().width for photo in photos} == {120}
    pixels.close()
