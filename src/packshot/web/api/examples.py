"""The OpenAPI document's examples: the story of one product, in the API's own types.

A test compares each with an answer of the real server.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from packshot.products.answers.products import (
    AT_FIRST,
    CorrectionOut,
    DecisionOut,
    NormalisedOut,
    ProductOut,
)
from packshot.products.export.rows import ApprovedImage, write_lines
from packshot.products.object_keys import previews
from packshot.products.seller_fields import SellerFields
from packshot.web.api.answer_models import (
    Answer,
    BulkAnswer,
    BulkData,
    ComplianceAnswer,
    ComplianceData,
    ComplianceOut,
    ComplianceRowOut,
    CopyOut,
    DuplicatesAnswer,
    DuplicatesData,
    ElsewhereOut,
    HistoryAnswer,
    HistoryData,
    ListAnswer,
    ListData,
    ProductAnswer,
    ProductData,
    QueueOut,
    ReadyAnswer,
    SameViewOut,
    SessionAnswer,
    SessionData,
    SkippedOut,
    SkuCorrectionsAnswer,
    SkuCorrectionsData,
    SkuProductOut,
    StatsAnswer,
    StatsData,
    UploadAnswer,
    UploadData,
)
from packshot.web.api.example_picture import PICTURE, READY_AT
from packshot.web.api.import_answers import (
    ColumnOut,
    ConventionOut,
    ImportAnswer,
    ImportData,
    MatchedOut,
    NamesAnswer,
    NamesData,
    PhotosOut,
    ProblemOut,
)

Json = dict[str, Any]

# -- what is sent --------------------------------------------------------------------------------

CREATE: Final = {
    "products": [
        {
            "category": "Electronics",
            "raw_image": "https://kivoa.s3.ap-south-1.amazonaws.com/raw/phone.jpg",
            "mrp": 50000,
            "price": 45000,
            "discount": 5000,
            "gst": 18,
            "sku": "SKU-1042",
            "view": "front",
        }
    ]
}
LOOK_FOR: Final = {
    "photos": [
        {
            "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
            "sku": "SKU-1042",
            "view": "front",
        }
    ]
}
READ_NAMES: Final = {"names": ["835d834f5f312e6a7067"]}
CORRECT: Final = {"name": "Phone, blue"}
REPLACE_PHOTO: Final = {"raw_image": "https://kivoa.s3.ap-south-1.amazonaws.com/raw/phone-new.jpg"}
CORRECT_SKUS: Final = {"products": [{"sku": "SKU-1042", "name": "Phone, blue"}]}
DECIDE: Final = {"status": "rejected", "reason": "edges", "note": "the strap is cut off"}
REVIEW: Final = {"status": "approved", "image_ids": [456]}
ENHANCE: Final = {"instructions": "a lighter background, please", "adjustments": ["tighter"]}
SIGN_IN: Final = {"key": "ps_a-secret-of-API_KEYS"}

# -- a product -----------------------------------------------------------------------------------
CREATED_AT: Final = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
DECIDED_AT: Final = datetime(2026, 11, 23, 10, 5, tzinfo=UTC)
BATCH: Final = "0b9f8a52-7c1e-4f0e-9d55-3d2a1c6b7e80"
NORMALISED: Final = "normalised/123/1d2c3b4a-0f9e-5d8c-b7a6-95847362514f"

WAITING: Final = ProductOut.model_validate(
    dict.fromkeys(SellerFields.model_fields)
    | CREATE["products"][0]
    | AT_FIRST
    | {
        "id": 123,
        "raw_sha256": None,
        "created_at": CREATED_AT,
        "updated_at": CREATED_AT,
        "batch_id": BATCH,
        "wanted": 1,
        "lane": "standard",
        "pixel_lock": None,
    }
)
READY: Final = WAITING.model_copy(
    update={
        "status": "pending_review",
        "updated_at": READY_AT,
        "version": 4,
        "spent": Decimal("0.0402"),
        "normalised": NormalisedOut(
            media_url=f"/media/{NORMALISED}", previews=previews(NORMALISED)
        ),
        "images": [PICTURE],
    }
)


def _decided(status: str) -> ProductOut:
    decision = {"status": status, "updated_at": DECIDED_AT}
    picture = PICTURE.model_copy(update=decision)
    return READY.model_copy(update={**decision, "version": 5, "images": [picture]})


SENT_BACK: Final = _decided("rejected").model_copy(
    update={
        "status": "pending",
        "version": 6,
        "round": 2,
        **ENHANCE,
        "images": [],
    }
)

# -- what is answered ----------------------------------------------------------------------------


def _dump(answer: Answer | ReadyAnswer) -> Json:
    return answer.model_dump(mode="json")


def _product(message: str, product: ProductOut) -> Json:
    return _dump(ProductAnswer(message=message, data=ProductData(product=product)))


CREATED: Final = _dump(
    BulkAnswer(
        message="Successfully created 1 products and queued for processing",
        data=BulkData(created=1, total=1, products=[WAITING]),
    )
)
DUPLICATES: Final = _dump(
    DuplicatesAnswer(
        message="Photos that have products already",
        data=DuplicatesData(
            duplicates=[SkippedOut(index=0, product_id=123)],
            elsewhere=[ElsewhereOut(index=1, product_id=124, sku="SKU-1042", view="back")],
            same_view=[
                SameViewOut(
                    index=2,
                    product_id=125,
                    sku="SKU-1042",
                    view="side",
                    status="approved",
                    version=4,
                )
            ],
            copies=[CopyOut(index=3, first=2)],
        ),
    )
)
LISTED: Final = _dump(
    ListAnswer(message="A page of products", data=ListData(products=[READY], next_cursor="MTIz"))
)
PRODUCT: Final = _product("Product", READY)
CORRECTED: Final = _product(
    "Product 123 is corrected", READY.model_copy(update={"name": "Phone, blue", "version": 5})
)
CORRECTED_SKUS: Final = _dump(
    SkuCorrectionsAnswer(
        message="1 products are corrected",
        data=SkuCorrectionsData(
            products=[
                SkuProductOut(
                    index=0,
                    product_id=123,
                    view="front",
                    changes={"name": ["Phone", "Phone, blue"]},
                    refused=None,
                )
            ]
        ),
    )
)
COMPLIANCE: Final = _dump(
    ComplianceAnswer(
        message="Checked against Amazon",
        data=ComplianceData(
            preset="amazon",
            title="Amazon",
            checked=date(2026, 11, 28),
            pictures=[
                ComplianceOut(
                    image_id=456,
                    main=True,
                    rows=[
                        ComplianceRowOut(
                            rule="fill",
                            required="at least 85 %",
                            measured="71 %",
                            verdict="fail",
                            advice="Frame the product tighter.",
                            source="a help page",
                            confidence="medium",
                        )
                    ],
                )
            ],
        ),
    )
)
DELETED: Final = _dump(Answer(message="Product 123 and its pictures are deleted"))
HISTORY: Final = _dump(
    HistoryAnswer(
        message="Decisions, newest first",
        data=HistoryData(
            decisions=[
                DecisionOut(
                    id=789,
                    image_id=456,
                    variant=0,
                    round=1,
                    status="rejected",
                    previous="pending",
                    reason="edges",
                    note="the strap is cut off",
                    who="asha",
                    at=DECIDED_AT,
                )
            ],
            corrections=[
                CorrectionOut(
                    id=12, changes={"name": [None, "Phone, blue"]}, who="asha", at=DECIDED_AT
                )
            ],
        ),
    )
)
DECIDED: Final = _product("Picture 456 is rejected", _decided("rejected"))
REVIEWED: Final = _product("Product 123 is approved", _decided("approved"))
QUEUED: Final = _product("Product 123 is queued for processing", SENT_BACK)
CANCELLED: Final = _product(
    "Product 123 is cancelled",
    WAITING.model_copy(
        update={
            "status": "failed",
            "version": 2,
            "error_code": "cancelled",
            "error": "cancelled by seller; try again to make it",
        }
    ),
)
UPLOADED: Final = _dump(
    UploadAnswer(
        message="Picture uploaded",
        data=UploadData(raw_image="/media/uploads/2f7b1c9e-8d54-4a39-9c41-7f3a5e6d0b12"),
    )
)
NAMES: Final = _dump(NamesAnswer(message="The names as text", data=NamesData(names=["マグ_1.jpg"])))
IMPORTED: Final = _dump(
    ImportAnswer(
        message="Nothing was created",
        data=ImportData(
            form="CSV, UTF-8, commas",
            columns=[
                ColumnOut(name="SKU", letter="A", samples=["SKU-1042"]),
                ColumnOut(name="Type", letter="B", samples=["Electronics"]),
                ColumnOut(name="MRP", letter="C", samples=["45,000.00"]),
                ColumnOut(name="Colour", letter="D", samples=["black"]),
            ],
            mapping={"SKU": "sku", "Type": "category", "MRP": "mrp", "Colour": "attribute"},
            conventions={
                "MRP": ConventionOut(
                    sign="point", reason="from the column's own numbers", currencies=[]
                )
            },
            rows=[
                {
                    "category": "Electronics",
                    "sku": "SKU-1042",
                    "view": "front",
                    "filename": "SKU-1042_front.jpg",
                    "mrp": "45000.00",
                    "attributes": {"Colour": "black"},
                }
            ],
            facts=[
                {
                    "sku": "SKU-1042",
                    "mrp": "45000.00",
                    "category": "Electronics",
                    "attributes": {"Colour": "black"},
                }
            ],
            problems=[
                ProblemOut(row=None, column=None, detail="a note for a person", level="note")
            ],
            photos=PhotosOut(
                matched=[MatchedOut(photo="SKU-1042_front.jpg", index=0, row=2, hint=None)],
                ambiguous=[],
                missing=[],
                left_out=[],
                system_files=0,
                pattern=None,
            ),
            lane="batch",
        ),
    )
)
STATS: Final = _dump(
    StatsAnswer(
        message="Counts",
        data=StatsData(
            products={
                "pending": 2,
                "pending_review": 7,
                "approved": 40,
                "rejected": 3,
                "failed": 1,
            },
            images={"pending": 21, "approved": 85, "rejected": 44},
            queue=QueueOut(waiting=1, in_flight=1, dead=0, oldest_seconds=3.2),
            currency="INR",
            spent=Decimal("6.48"),
            spent_today=Decimal("1.30"),
            spent_by_lane={
                "standard": Decimal("4.10"),
                "flex": Decimal(0),
                "batch": Decimal("2.38"),
            },
            batched=0,
            being_checked=5,
            cost_per_product=Decimal("0.1271"),
            reviewed_last_hour=12,
            made_last_hour=30,
        ),
    )
)
SESSION: Final = _dump(
    SessionAnswer(message="Signed in as asha", data=SessionData(name="asha", scopes=["review"]))
)
ALIVE: Final = _dump(ReadyAnswer(ok=True))
_PARTS: Final = dict.fromkeys(("database", "queue", "storage", "enhancer", "worker"), "ok")
WORKING: Final = _dump(ReadyAnswer(ok=True, parts=_PARTS, notes=[]))
_NO_BUCKET: Final = {"storage": "the S3 bucket kivoa does not exist: check S3_BUCKET"}
NOT_WORKING: Final = _dump(ReadyAnswer(ok=False, parts=_PARTS | _NO_BUCKET, notes=[]))

# -- what is answered as text --------------------------------------------------------------------

_APPROVED: Final = ApprovedImage(
    **WAITING.model_dump(include={*SellerFields.model_fields, "batch_id"}),
    **PICTURE.model_dump(
        include={
            *("product_id", "image_url", "media_url", "round", "variant", "title"),
            *("prompt", "warning"),
        }
        | {"alt_text", "width", "height", "bytes", "sha256", "created_at", "enhancer", "model"}
    ),
    image_id=PICTURE.id,
    raw_sha256=WAITING.raw_sha256,
    verdict="pass",
    fidelity_score=0.871,
    judged=0.86,
    lock_code="locked",
    own_pixels=0.8812,
    approved_by="asha",
    approved_at=DECIDED_AT,
    found_after_approval=False,
)
CSV: Final = "".join(write_lines(iter([_APPROVED]), "csv"))
JSON_LINES: Final = "".join(write_lines(iter([_APPROVED]), "jsonl"))
METRICS: Final = """\
# HELP packshot_queue_oldest_seconds Age of the oldest waiting product
# TYPE packshot_queue_oldest_seconds gauge
packshot_queue_oldest_seconds 3.2
"""
