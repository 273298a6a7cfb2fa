"""Every setting: its name, its default, and its allowed values."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from packshot.env_file import plain_value
from packshot.errors import VALUE_DETAILS, SettingsError
from packshot.keys import ApiKey, read_keys
from packshot.lanes import Lane

#: The key of `packshot serve --fake-gemini`; Google's keys look different.
FAKE_KEY: Final = "fake"
GEMINI_SLOTS: Final = 8  # products in flight per process, unless WORKER_CONCURRENCY is set
AspectRatio = Literal["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]


def _split_list(value: Any) -> Any:
    """`a, b` -> ("a", "b")."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _public_address(value: str) -> str:
    """An address that keys are appended to: `https://cdn.example.com/shop` + `/` + key."""
    if not _is_web_address(value) or "?" in value or "#" in value:
        raise ValueError("must be an https:// or http:// address, without ? and #")
    return value


def _model_name(value: str) -> str:
    """A name that can stand in an address; Google decides whether there is such a model."""
    if not re.fullmatch(r"[\w.@:-]+(/[\w.@:-]+)*", value, re.ASCII) or ".." in value:
        raise ValueError("must be a model's name, such as gemini-3.8-flash")
    return value


def _bucket_name(value: str) -> str:
    if not BUCKET_NAME.match(value):
        raise ValueError("must be a bucket's name alone, without s3:// and path")
    return value


#: Everything that S3 ever allowed: old buckets may have capitals and underscores
#: (AmazonS3/latest/userguide/bucketnamingrules.html).
BUCKET_NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$")
#: The hosts of SQS (https://docs.aws.amazon.com/general/latest/gr/sqs-service.html): plain, FIPS,
#: VPC endpoint and dual-stack; and the legacy ones, where no region means us-east-1.
QUEUE_HOST: Final = re.compile(
    r"^(?:[a-z0-9-]+\.)?sqs(?:-fips)?\.(?P<region>[a-z0-9-]+)\."
    r"(?:(?:vpce\.)?amazonaws\.com(?:\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)$"
)
OLD_QUEUE_HOST: Final = re.compile(r"^(?:(?P<region>[a-z0-9-]+)\.)?queue\.amazonaws\.com(?:\.cn)?$")
FIRST_REGION: Final = "us-east-1"

#: A path without a final slash, of characters that need no encoding in an address.
PREFIX: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]{1,100}){1,8}")


def _prefix(value: str) -> str:
    if not PREFIX.fullmatch(value.rstrip("/")):
        raise ValueError("must be a path such as /packshot, of letters, digits and . _ ~ -")
    return value.rstrip("/")


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError("must be an existing folder")
    return path


#: The codes of money in ISO 4217, without funds, metals and tests.
_CURRENCIES: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP"
    " BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP"
    " GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR"
    " KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK"
    " MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR"
    " SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS"
    " UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
CURRENCIES: Final = frozenset(_CURRENCIES.split())


def _currency(value: str) -> str:
    if value.upper() not in CURRENCIES:
        raise ValueError("must be a code of ISO 4217 such as INR, EUR or USD")
    return value.upper()


NameList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list)]
ApiKeys = Annotated[tuple[ApiKey, ...], NoDecode, BeforeValidator(read_keys)]
Bucket = Annotated[str, AfterValidator(_bucket_name)]
Buckets = Annotated[tuple[Bucket, ...], NoDecode, BeforeValidator(_split_list)]
ModelName = Annotated[str, AfterValidator(_model_name)]
PublicAddress = Annotated[str, AfterValidator(_public_address)]


class Settings(BaseSettings):
    """All settings. An empty value counts as unset; the process environment wins over `.env`."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        case_sensitive=False,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    # Where data is stored
    database_url: str = "sqlite:///var/packshot.db"
    media_dir: Path = Path("var/media")
    s3_bucket: Bucket | None = None
    public_media_url: PublicAddress | None = None
    aws_region: str | None = None
    sqs_queue_url: str | None = None
    s3_raw_buckets: Buckets = ()

    # Who makes the pictures
    enhancer: Literal["local", "gemini"] | None = None
    gemini_api_key: SecretStr | None = None
    gemini_model: ModelName = "gemini-3.8-flash"
    gemini_image_model: ModelName = "gemini-nano-banana-2.1"
    google_gemini_base_url: str | None = None
    gemini_timeout: float = Field(180.0, ge=10, le=900)
    gemini_lane: Lane = "standard"
    gemini_flex_timeout: float = Field(1200.0, ge=10, le=3600)
    gemini_lane_deadline: float = Field(86_400.0, ge=1, le=172_800)
    gemini_rpm: int | None = Field(None, ge=1)
    gemini_daily_budget: float | None = Field(None, gt=0, allow_inf_nan=False)
    gemini_reference_views: int = Field(2, ge=0, le=8)
    enhanced_images_count: int = Field(3, ge=1, le=10)
    currency: Annotated[str, AfterValidator(_currency)] | None = None
    enhanced_image_aspect: AspectRatio = "1:1"
    enhanced_image_size: Literal["1K", "2K", "4K"] = "1K"
    cutout: Literal["network", "classical", "rembg", "off"] = "network"
    model_dir: Path | None = None

    # Fidelity checks
    fidelity: Literal["on", "off"] = "on"
    fidelity_weights: Path | None = None
    fidelity_judge: Literal["off", "doubtful", "all"] | None = None
    fidelity_retries: int = Field(1, ge=0, le=3)
    fidelity_judge_model: ModelName = "gemini-3.5-flash-lite"
    pixel_lock: Literal["on", "off"] = "off"

    # Serving and workers
    host: str = "127.0.0.1"
    port: int = Field(5000, ge=0, le=65535)
    script_name: Annotated[str, AfterValidator(_prefix)] | None = None
    worker_enabled: bool = True
    worker_concurrency: int | None = Field(None, ge=1, le=256)
    lease_seconds: float = Field(60.0, ge=1, le=3600)
    grace_seconds: float = Field(25.0, ge=6, le=3600)
    pixel_processes: int = Field(1, ge=1, le=64)
    log_format: Literal["auto", "json", "text"] = "auto"

    # Access, and what may be fetched
    api_keys: ApiKeys = ()  # hashes: the secrets are dropped here
    raw_image_hosts: NameList = ()
    fetch_user_agent: str | None = None
    fetch_headers: SecretStr | None = None  # `host Name: value | host Name: value`
    rate_limit_per_minute: int = Field(3000, ge=0)  # per key, all processes together; 0: no limit
    products_per_day: int = Field(100_000, ge=0)
    upload_mb_per_day: int = Field(50_000, ge=0)

    # Exports and retention
    export_names: str = "{sku}_{n}"
    c2pa_cert: Path | None = None
    c2pa_key: Path | None = None
    presets_dir: Annotated[Path, AfterValidator(_folder)] | None = None
    raw_keep_days: int | None = Field(None, ge=1)
    rejected_keep_days: int | None = Field(None, ge=1)

    # Webhooks
    webhook_urls: NameList = ()
    webhook_secret: SecretStr | None = None
    webhook_hosts: NameList = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment: `.env` is read into it before."""
        return init_settings, env_settings

    @model_validator(mode="before")
    @classmethod
    def _without_quotes(cls, values: Any) -> Any:
        """`docker run --env-file` passes on quotes, and the line endings of a Windows file."""
        if not isinstance(values, dict):
            return values
        plain = {
            name: plain_value(value) if isinstance(value, str) else value
            for name, value in values.items()
        }
        return {name: value for name, value in plain.items() if value != ""}

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.enhancer == "gemini" and self.gemini_api_key is None:
            raise ValueError("ENHANCER=gemini needs GEMINI_API_KEY")
        if (self.c2pa_cert is None) != (self.c2pa_key is None):
            raise ValueError(
                "C2PA_CERT and C2PA_KEY go together: a chain and its key, in PEM files"
            )
        if self.sqs_queue_url is not None and self.queue_region is None:
            raise ValueError("SQS_QUEUE_URL is not a queue URL and AWS_REGION is not set")
        if self.webhook_urls and not self.webhook_secrets:
            raise ValueError("WEBHOOK_URLS needs WEBHOOK_SECRET: `packshot webhooks secret`")
        if not all(_is_web_address(url) for url in self.webhook_urls):
            raise ValueError(
                "WEBHOOK_URLS must be https:// or http:// addresses, separated by commas"
            )
        if not all(_is_signing_secret(secret) for secret in self.webhook_secrets):
            raise ValueError("WEBHOOK_SECRET must be whsec_ and base64: `packshot webhooks secret`")
        return self

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """For logs and debuggers. Addresses are hidden too: they may contain a password."""
        for name, value in super().__repr_args__():
            hidden = value and name is not None and name.upper() in SECRETS
            yield name, "(not shown)" if hidden else value

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that sign: several while one is being replaced."""
        listed = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        return tuple(part.strip() for part in listed.split(",") if part.strip())

    @cached_property
    def enhancer_name(self) -> Literal["local", "gemini"]:
        """A key means Gemini; no key means the local enhancer; ENHANCER forces one."""
        return self.enhancer or ("gemini" if self.gemini_api_key else "local")

    @cached_property
    def judged_checks(self) -> Literal["off", "doubtful", "all"]:
        """The checks for which a model is asked, too: with Gemini the doubtful ones, unless set."""
        if self.enhancer_name != "gemini":
            return "off"
        return self.fidelity_judge or "doubtful"

    @cached_property
    def remakes(self) -> int:
        """How often a failed picture is made again: only Gemini's, not those of the stand-in, which
        draws over every product."""
        paid = self.enhancer_name == "gemini" and not self.simulated
        return self.fidelity_retries if paid and self.fidelity == "on" else 0

    @cached_property
    def simulated(self) -> bool:
        """Whether Gemini is the stand-in of `packshot serve --fake-gemini`: nothing is paid for."""
        key = self.gemini_api_key
        return (
            self.enhancer_name == "gemini"
            and key is not None
            and (key.get_secret_value() == FAKE_KEY)
        )

    @cached_property
    def concurrency(self) -> int:
        """Products in flight per process: many that wait for Gemini, one that computes here."""
        return self.worker_concurrency or (GEMINI_SLOTS if self.enhancer_name == "gemini" else 1)

    @cached_property
    def queue_region(self) -> str | None:
        """The region the queue's URL names (`sqs.<region>.amazonaws.com`), else AWS_REGION."""
        host = urlsplit(self.sqs_queue_url or "").hostname or ""
        if found := QUEUE_HOST.match(host):
            return found["region"]
        if found := OLD_QUEUE_HOST.match(host):
            return found["region"] or FIRST_REGION
        return self.aws_region or os.environ.get("AWS_DEFAULT_REGION")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"https", "http"} and bool(parts.hostname)
    except ValueError:
        return False


def _is_signing_secret(secret: str) -> bool:
    """`whsec_` and base64 of 24 to 64 bytes, as the Standard Webhooks specification says."""
    if not secret.startswith("whsec_"):
        return False
    try:
        return 24 <= len(b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64
    except ValueError:
        return False


SETTING_NAMES: Final = frozenset(name.upper() for name in Settings.model_fields)


def load_settings() -> Settings:
    """Read the environment; raise SettingsError with one line per bad setting, never a secret."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_line(each) for each in error.errors())) from None


#: Settings whose values are never shown.
SECRETS = {
    "API_KEYS",
    "DATABASE_URL",
    "FETCH_HEADERS",
    "GEMINI_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "WEBHOOK_SECRET",
    "WEBHOOK_URLS",
}


def _line(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"][:1]).upper()
    reason = str(error["msg"]).removeprefix("Value error, ")
    if words := VALUE_DETAILS.get(error["type"]):
        reason = words.format(**error["ctx"]) if "ctx" in error else words
    if not name:
        return reason
    value = "(not shown)" if name in SECRETS else repr(error.get("input"))
    return f"{name}={value}: {reason}"
