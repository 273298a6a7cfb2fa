"""One download from a host of ours, or the reason why there was none."""

from __future__ import annotations

import pytest
from servers.photo_host import PhotoHost

from packshot.download.fetcher import Fetcher, FetchLimits
from packshot.errors import FetchError


def refused(fetcher: Fetcher, url: str) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(url)
    assert caught.value.message
    return caught.value


def fetch_from(host: PhotoHost, path: str, limits: FetchLimits = FetchLimits()) -> bytes:
    return Fetcher([host.address], limits).fetch(host.url(path))


def refused_by(host: PhotoHost, path: str, limits: FetchLimits = FetchLimits()) -> FetchError:
    return refused(Fetcher([host.address], limits), host.url(path))
