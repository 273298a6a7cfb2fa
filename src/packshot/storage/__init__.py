"""Objects by key: a local folder, or an S3 bucket."""

from packshot.storage.contract import Chunks, Storage, check_key, read_own
from packshot.storage.local import LocalStorage
from packshot.storage.s3 import S3Storage
from packshot.storage.s3_addresses import parse_s3_url
from packshot.storage.seller_buckets import RawBuckets

__all__ = [
    "Chunks",
    "LocalStorage",
    "RawBuckets",
    "S3Storage",
    "Storage",
    "check_key",
    "parse_s3_url",
    "read_own",
]
