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
#: Objects of the copy and of each picture, with two previews.
OBJECTS_OF_A_PICTURE: Final = 3
#: Bytes of an enhanced picture; copies and previews take about as much again.
PICTURE_MEGABYTES: Final = Decimal("0.5")


@dataclass(frozen=True)
class AwsCost:
    """US dollars for the requests of some products, and for each month of their objects."""

    sqs: Decimal
    s3_writes: Decimal
    s3_month: Decimal


def aws_cost(products: int, variants: int) -> AwsCost:
    writes = OBJECTS_OF_A_PICTURE * (1 + variants) + variants  # each paid answer
    gigabytes = products * variants * PICTURE_MEGABYTES * 2 / 1000
    return AwsCost(
        sqs=products * REQUESTS_EACH * SQS_MILLION_REQUESTS / 1_000_000,
        s3_writes=products * writes * S3_THOUSAND_WRITES / 1000,
        s3_month=gigabytes * S3_GIGABYTE_MONTH,
    )
