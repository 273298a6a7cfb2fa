"""What SQS and S3 cost in addition to Gemini: list prices of us-east-1, without free tiers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

# US dollars, from https://aws.amazon.com/sqs/pricing/ and https://aws.amazon.com/s3/pricing/
SQS_MILLION_REQUESTS: Final = Decimal("0.40")
S3_THOUSAND_WRITES: Final = Decimal("0.005")
S3_GIGABYTE_MONTH: Final = Decimal("0.023")

#: Requests for a product sent alone: send, receive, one heartbeat, delete.
REQUESTS_EACH: Final = 4
#: The copy with two previews; a picture of 1K is its own large preview.
OBJECTS_OF_A_COPY: Final = 3
OBJECTS_OF_A_PICTURE: Final = {"1K": 2, "2K": 3, "4K": 3}
#: Bytes of an enhanced picture; copies and previews take about as much again.
PICTURE_MEGABYTES: Final = Decimal("0.5")


@dataclass(frozen=True)
class AwsCost:
    """US dollars for the requests of some products, and for each month of their objects."""

    sqs: Decimal
    s3_writes: Decimal
    s3_month: Decimal


def aws_cost(products: int, variants: int, size: str) -> AwsCost:
    """`size` is what ENHANCED_IMAGE_SIZE may be."""
    of_each_variant = OBJECTS_OF_A_PICTURE[size] + 1  # and its paid answer
    writes = OBJECTS_OF_A_COPY + variants * of_each_variant
    gigabytes = products * variants * PICTURE_MEGABYTES * 2 / 1000
    return AwsCost(
        sqs=products * REQUESTS_EACH * SQS_MILLION_REQUESTS / 1_000_000,
        s3_writes=products * writes * S3_THOUSAND_WRITES / 1000,
        s3_month=gigabytes * S3_GIGABYTE_MONTH,
    )
