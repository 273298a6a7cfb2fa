"""AWS clients, one per process, and messages for errors of AWS and S3-compatible stores."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from packshot.after_fork import after_fork
from packshot.errors import NotConfigured, RateLimited, Unavailable

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.exceptions import ClientError
    from botocore.loaders import Loader

ClientT = TypeVar("ClientT")

#: A problem that was not seen again for this long is not reported any more (seconds).
REMEMBERED_SECONDS: Final = 120.0

# Error codes, from https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
EXPIRED: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
)
REFUSED_KEYS: Final = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidToken",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED: Final = frozenset(
    {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "Forbidden"}
)
ABSENT: Final = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "InvalidAddress",
        "NoSuchBucket",
        "QueueDoesNotExist",
    }
)
ELSEWHERE: Final = frozenset(
    {
        "301",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
        "TemporaryRedirect",
    }
)
SLOW_DOWN: Final = frozenset(
    {
        "KmsThrottled",
        "OverLimit",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
CLOCK: Final = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})


@dataclass(frozen=True)
class Resource:
    """The queue or bucket of the requests, and the settings that name it and its region."""

    words: str  # e.g. the SQS queue https://...
    setting: str  # e.g. SQS_QUEUE_URL
    region_setting: str = "AWS_REGION"


class Connection(Generic[ClientT]):
    """One client of one service, made at the first use in each process.

    A client inherited over a fork mixes up answers (botocore issue 1246), so the process id is
    checked each time. Threads may share a client, but must not make one at the same time: hence the
    lock.
    """

    def __init__(self, make: Callable[[Session], ClientT], resource: Resource) -> None:
        self.resource = resource
        self._make = make
        self._made: tuple[int, ClientT] | None = None
        self._problems: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()
        after_fork(self._unlock)

    def _unlock(self) -> None:
        """In a new child: a thread of the parent may have had the lock at the fork."""
        self._lock = threading.Lock()

    @contextmanager
    def client_for(self, permission: str) -> Iterator[ClientT]:
        """The client, for one request that needs this IAM permission.

        Raises Unavailable, RateLimited or NotConfigured in place of boto3's errors. Callers catch
        the errors that they handle themselves inside the `with` block.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            yield self._client()
        except (BotoCoreError, ClientError, RecursionError, ResponseParserError) as error:
            unavailable = in_words(error, self.resource, permission)
            self._remember(permission, unavailable)
            raise unavailable from error
        self._problems.pop(permission, None)

    def _client(self) -> ClientT:
        made = self._made
        if made is None or made[0] != os.getpid():
            with self._lock:
                made = self._made
                if made is None or made[0] != os.getpid():
                    made = self._made = (os.getpid(), self._make_client())
        return made[1]

    def _make_client(self) -> ClientT:
        from botocore.exceptions import InvalidRegionError

        try:
            return self._make(_session())
        except InvalidRegionError:  # a ValueError, too
            raise
        except ValueError as error:  # its message has the address, which may hold a password
            raise NotConfigured(
                f"{self.resource.words} can't be asked: AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 and"
                " AWS_ENDPOINT_URL_SQS must be addresses like http://host:9000",
                code="aws_setting",
            ) from error

    def _remember(self, permission: str, unavailable: Unavailable) -> None:
        if isinstance(unavailable, NotConfigured):
            self._problems[permission] = (time.monotonic(), unavailable.message)
        if unavailable.code == "aws_credentials":
            self._made = None  # read them again next time: new credentials need no restart

    def problem(self) -> str | None:
        """A recent failure that a person must fix, unless a request has succeeded since."""
        since = time.monotonic() - REMEMBERED_SECONDS
        recent = [words for at, words in list(self._problems.values()) if at > since]
        return recent[-1] if recent else None


def _session() -> Session:
    """A new session: making clients from boto3's default one is not thread-safe."""
    from boto3.session import Session
    from botocore.session import get_session

    session, loader = get_session(), _descriptions()
    session.register_component("data_loader", loader)
    made = Session(botocore_session=session)  # adds its own folder to those that are searched
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)
    return made


@cache
def _descriptions() -> Loader:
    """AWS's service descriptions, read once: reading them is most of the cost of a client."""
    from botocore.loaders import create_loader

    return create_loader()


def read_descriptions(service: Literal["s3", "sqs"]) -> None:
    """Read the descriptions for a client of this service, by making one that is never used."""
    _session().client(
        service,
        region_name="us-east-1",
        aws_access_key_id="unused",  # otherwise boto3 looks for them, also in the network
        aws_secret_access_key="unused",  # noqa: S106
    )


def in_words(error: Exception, resource: Resource, permission: str) -> Unavailable:
    """A boto3 error as Unavailable, RateLimited or NotConfigured, naming what to change."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return _refusal(error, resource, permission)
    if advice := _credentials_advice(error, resource) or _settings_advice(error, resource):
        kind, words = advice
        return NotConfigured(words, code=kind)
    words = what_failed(error, resource.words)
    if words.startswith("no connection"):
        words += f"; check {resource.setting} and the network"
    return Unavailable(f"{words}: {_short(error)}")


def _credentials_advice(error: Exception, resource: Resource) -> tuple[str, str] | None:
    """The kind of a problem with the credentials, and what to do."""
    from botocore.exceptions import NoCredentialsError, PartialCredentialsError

    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return "aws_credentials", (
            f"no AWS credentials for {resource.words}: set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY, or give this machine a role"
        )
    if isinstance(error, _credential_errors()):
        return "aws_credentials", (
            f"the AWS credentials for {resource.words} could not be read: {_short(error)}"
        )
    return None


def _settings_advice(error: Exception, resource: Resource) -> tuple[str, str] | None:
    """The kind of a problem with other settings, and what to do."""
    from botocore import exceptions as boto

    if isinstance(error, (boto.NoRegionError, boto.InvalidRegionError)):
        words = f"the region of {resource.words} is not known: set {resource.region_setting}"
        return "aws_region", words
    if isinstance(error, boto.ParamValidationError):
        words = f"boto3 rejects the request for {resource.words}: {_short(error)}; check"
        return "aws_setting", f"{words} {resource.setting}"
    if isinstance(error, RecursionError):  # boto3 asks for the region, is redirected, asks...
        words = f"{resource.words} answers every request with a redirect: check AWS_ENDPOINT_URL"
        return "aws_setting", words
    return None


def what_failed(error: Exception, where: str = "it") -> str:
    """Why a request got no readable answer."""
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError

    if isinstance(error, (boto.IncompleteReadError, boto.ResponseStreamingError)):
        return f"an answer from {where} was cut off"
    if isinstance(error, ResponseParserError):
        return f"{where} answered, but not as AWS does; check AWS_ENDPOINT_URL"
    if isinstance(error, (boto.EndpointConnectionError, boto.ConnectTimeoutError)):
        return f"no connection to {where}"
    if isinstance(error, (boto.ReadTimeoutError, boto.ConnectionClosedError)):
        return f"{where} does not answer"
    return f"a request to {where} failed"


def unlike_aws(resource: Resource, status: str = "") -> Unavailable:
    """The error for an answer that AWS, or a service that stands for it, never gives."""
    return Unavailable(
        f"{resource.words} answered{status}, but not as AWS does; check AWS_ENDPOINT_URL and the"
        " proxies"
    )


def _credential_errors() -> tuple[type[Exception], ...]:
    from botocore import exceptions as boto

    return (
        boto.CredentialRetrievalError,
        boto.ProfileNotFound,
        boto.SSOError,
        boto.ConfigParseError,
        boto.InvalidConfigError,
    )


def code_of(error: ClientError) -> str:
    """AWS's own code, e.g. `AccessDenied`; for a HEAD, which has no body, the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def asks_to_slow_down(error: ClientError) -> bool:
    code = code_of(error)
    named = code in SLOW_DOWN or "Throttl" in code or code.startswith("SlowDown")
    return named or status_of(error) == 429


def _refusal(error: ClientError, resource: Resource, permission: str) -> Unavailable:
    code = code_of(error)
    if asks_to_slow_down(error):
        return RateLimited(f"{resource.words} asks to slow down ({code})")
    if advice := _advice(error, code, resource, permission):
        kind, words = advice
        return NotConfigured(words, code=kind)
    if not code:  # a page of a proxy, or of another service
        return unlike_aws(resource, f" {status_of(error)}")
    named = "" if code == str(status_of(error)) else f" {code}"
    return Unavailable(f"{resource.words} answered {status_of(error)}{named}: {_short(error)}")


def _advice(
    error: ClientError, code: str, resource: Resource, permission: str
) -> tuple[str, str] | None:
    """The kind of a problem that a person must solve, and what to tell them."""
    return (
        _advice_on_credentials(code, resource)
        or _advice_on_rights(error, code, resource, permission)
        or _advice_on_location(error, code, resource)
    )


def _advice_on_credentials(code: str, resource: Resource) -> tuple[str, str] | None:
    if code in EXPIRED:
        return "aws_credentials", (
            f"the credentials for {resource.words} have expired ({code}): renew them"
        )
    if code in REFUSED_KEYS:
        return "aws_credentials", (
            f"{resource.words} refuses the credentials ({code}): check AWS_ACCESS_KEY_ID,"
            " AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
        )
    return None


def _advice_on_rights(
    error: ClientError, code: str, resource: Resource, permission: str
) -> tuple[str, str] | None:
    if code.casefold().startswith("kms") or (code in DENIED and "kms:" in str(error)):
        return "aws_denied", (
            f"the key that encrypts {resource.words} can't be used: allow kms:Decrypt and"
            " kms:GenerateDataKey on it for the credentials in use"
        )
    if code in DENIED:
        return "aws_denied", (
            f"{permission} is denied on {resource.words} ({_short(error)}): allow it for the"
            " credentials in use"
        )
    return None


def _advice_on_location(
    error: ClientError, code: str, resource: Resource
) -> tuple[str, str] | None:
    """What to do about a resource that is missing or wrong_region, or about a wrong clock."""
    if code in ABSENT:
        return "aws_absent", (
            f"{resource.words} does not exist: check {resource.setting}, the region"
            f" ({resource.region_setting}) and the account"
        )
    if code in ELSEWHERE or (bucket_region(error.response) and status_of(error) in {301, 400}):
        return "aws_region", wrong_region(resource, bucket_region(error.response))
    if code in CLOCK:
        return "aws_clock", (
            f"the clocks of this machine and of {resource.words} differ too much ({code}): correct"
            " this machine's clock"
        )
    return None


def bucket_region(answer: Any) -> str | None:
    """The region that S3 names in its answers: in a header, or in the body of a refusal."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or answer.get("Error", {}).get("Region")
    return str(region) if region else None


def wrong_region(resource: Resource, region: str | None) -> str:
    where = f"in the region {region}" if region else "in another region"
    return f"{resource.words} is {where}: set {resource.region_setting}={region or 'that region'}"


def _short(error: Exception) -> str:
    """AWS's message in one line, without its introduction."""
    wrapping = r"^An error occurred \([^)]*\) when calling the \w+ operation(?: \([^)]*\))?: "
    text = re.sub(wrapping, "", str(error))
    return " ".join(text.split())[:200]
