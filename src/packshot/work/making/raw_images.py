"""Checks and reads raw images by their addresses."""

from __future__ import annotations

from typing import NoReturn

from packshot.download.fetcher import Fetcher
from packshot.download.host_shares import HostShares
from packshot.errors import FetchError
from packshot.pictures.kinds import recognise
from packshot.spreadsheets.share_links import direct
from packshot.storage import RawBuckets, Storage, parse_s3_url, read_own
from packshot.storage.s3_addresses import check_object_key

#: Pictures that Packshot made are not raw images.
OWN_WORK = ("enhanced/", "normalised/", "previews/", "answers/")
FORMS = "must be https://, http://, s3:// or the raw_image of an upload"


class RawImages:
    """Reads Packshot's objects and sellers' buckets directly, other addresses as untrusted."""

    def __init__(
        self, storage: Storage, buckets: RawBuckets, fetcher: Fetcher | HostShares
    ) -> None:
        self._storage, self._buckets, self._fetcher = storage, buckets, fetcher

    def check(self, raw_image: str) -> None:
        """Check the text of the address.

        Raises FetchError, whose message does not contain the address. No request is made, so an
        address that passes may still lead nowhere.
        """
        is_s3 = raw_image[:5].lower() == "s3://"
        if is_s3:
            _check_s3(raw_image)
        key = self._storage.own_key(raw_image)
        if key is not None:
            _check_own(raw_image, key)
        elif self._buckets.check(raw_image):
            return
        elif raw_image.startswith("/"):
            _refuse(FORMS)
        elif is_s3:
            _refuse(
                "names no object in S3_BUCKET or S3_RAW_BUCKETS: its bucket is not one of them,"
                " or nothing in S3_BUCKET can have such a key"
            )
        else:
            self._fetcher.check(raw_image)
            if (error := direct(raw_image).error) is not None:
                _refuse(error)

    def read(self, raw_image: str) -> bytes:
        """The bytes, at most 20 MB; not yet known to be a picture.

        Raises FetchError for a problem of this address, PartlyUnavailable while its bucket is
        unreachable, Unavailable for a problem of our own storage or of this process.
        """
        self.check(raw_image)  # the row may be older than the API's check
        try:
            return self._read_as_written(raw_image)
        except FetchError as error:
            # The S3 console writes a space as a plus; other programs mean a plus.
            spaces = raw_image.startswith("http") and "+" in raw_image
            if error.code != "no_such_object" or not spaces:
                raise
        return self._read_as_written(raw_image.replace("+", "%20"))

    def _read_as_written(self, raw_image: str) -> bytes:
        key = self._storage.own_key(raw_image)
        if key is not None:
            return read_own(self._storage, key)
        data = self._buckets.read(raw_image)
        return self._download(raw_image) if data is None else data

    def _download(self, raw_image: str) -> bytes:
        """Download from an address; a share link is changed to the form that leads to the file."""
        link = direct(raw_image)
        data = self._fetcher.fetch(link.address)
        if link.note is not None and (kind := recognise(data)).words.endswith("(HTML)"):
            raise FetchError(
                f"the share link answers with {kind.words}, not with the picture: share it with"
                " everybody who has the link, or give the picture as an upload",
                code="share_link",
                retryable=False,
            )
        return data


def _check_s3(raw_image: str) -> None:
    address = parse_s3_url(raw_image)
    if address is None:
        _refuse("must be s3://bucket/key, with the name of a bucket in lower case")
    check_object_key(address[1])


def _check_own(raw_image: str, key: str) -> None:
    check_object_key(key)
    if key.startswith(OWN_WORK):
        _refuse("is a picture Packshot made itself")
    if raw_image.startswith("/") and not key.startswith("uploads/"):
        _refuse(FORMS)


def _refuse(detail: str) -> NoReturn:
    raise FetchError(detail, code="bad_url", retryable=False)
