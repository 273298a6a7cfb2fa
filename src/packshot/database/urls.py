"""Parses DATABASE_URL in the forms that people use, and makes it safe to show."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote

from sqlalchemy.engine import URL, make_url

from packshot.errors import SettingsError

#: The schemes of PostgreSQL's addresses in other programs; `+asyncpg` and the like name a driver.
POSTGRESQL: Final = re.compile(
    r"(?:jdbc:)?(?:postgres|postgresql|postgis|pgsql|psql)(?:\+\w+)?", re.I
)
SQLITE: Final = re.compile(r"sqlite3?(?:\+\w+)?", re.I)
#: The part after the user name and the password: hosts, a database, parameters.
LOCATION: Final = re.compile(
    r"(?P<hosts>[^/?#@\s]*)(?:/(?P<database>[^/?#@:\s]*))?(?:\?(?P<query>(?:[^=&#\s]+=[^&#\s]*&?)*))?"
)
#: A host: a name, an address in brackets, or a percent-encoded folder of a Unix socket.
HOST: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>\d{0,5}))?")
SCHEMA: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")

#: Parameters with which other programs name the schema, and the encryption (libpq's `sslmode`).
SCHEMA_NAMES: Final = frozenset({"schema", "currentschema", "search_path"})
SSL_NAMES: Final = frozenset({"ssl", "sslmode", "usessl"})
SSL_MODES: Final = {"true": "require", "1": "require", "false": "disable", "0": "disable"} | {
    "no-verify": "require",
    "verify_full": "verify-full",
    "verify_ca": "verify-ca",
}
#: Parameters of other programs' drivers and pools, which do not matter to Packshot.
OF_OTHERS: Final = frozenset(
    {
        "binary_parameters",
        "connection_limit",
        "max_conns",
        "max_overflow",
        "pgbouncer",
        "pool_mode",
        "pool_size",
        "pool_timeout",
        "prepared_statement_cache_size",
        "prepared_statements",
        "preparethreshold",
        "sockettimeout",
        "socket_timeout",
        "sslaccept",
        "statement_cache_size",
        "statement_limit",
        "uselibpqcompat",
    }
)


@dataclass(frozen=True)
class DatabaseUrl:
    """A database's address in SQLAlchemy's form, with its schema and its ignored parameters."""

    url: URL
    schema: str | None = None
    ignored: tuple[str, ...] = field(default=())  # names of parameters that have no effect


def read_url(text: str) -> DatabaseUrl:
    """DATABASE_URL, with psycopg 3 whenever PostgreSQL is meant.

    A password may contain `@`, `/`, `#` and the like unencoded if the address stays unambiguous.
    Raises SettingsError, which never contains a part of the address: it may be a part of the
    password.
    """
    scheme, separator, rest = text.strip().partition("://")
    if separator and POSTGRESQL.fullmatch(scheme):
        return _postgresql(rest)
    if separator and SQLITE.fullmatch(scheme):
        return DatabaseUrl(_sqlite(rest))
    raise SettingsError(
        "DATABASE_URL must be sqlite:///path or postgresql://user:password@host/database"
    )


def parse_url(text: str) -> URL:
    return read_url(text).url


def redact_url(text: str) -> str:
    """DATABASE_URL for people: without its password, and without its query, which may hold one."""
    return parse_url(text).set(query={}).render_as_string(hide_password=True)


def _sqlite(rest: str) -> URL:
    if rest and not rest.startswith("/"):
        raise SettingsError(
            "DATABASE_URL needs three slashes before a file's path (sqlite:///var/packshot.db),"
            " four before an absolute one"
        )
    if rest.startswith("/file:"):
        raise SettingsError("DATABASE_URL must name SQLite's file by its path, not as file:...")
    if "?" in rest:
        raise SettingsError("DATABASE_URL: SQLite's address takes no ? and no parameters after it")
    url = make_url(f"sqlite://{rest}")
    if url.database in {None, "", ":memory:"}:
        raise SettingsError(
            "DATABASE_URL must name SQLite's file (sqlite:///var/packshot.db): a database in memory"
            " is not shared"
        )
    return url


def _postgresql(rest: str) -> DatabaseUrl:
    user, password, location = _split(rest)
    host, port, several = _hosts(location["hosts"])
    known, schema, ignored = _parameters(location["query"] or "")
    url = URL.create(
        "postgresql+psycopg",
        username=user,
        password=password,
        host=host,
        port=port,
        database=unquote(location["database"] or "") or None,
        query={**known, **several},
    )
    return DatabaseUrl(url, schema, ignored)


def _split(rest: str) -> tuple[str | None, str | None, re.Match[str]]:
    """User name, password and the rest: split at the one `@` after which the rest is valid."""
    if "@" not in rest:
        if location := LOCATION.fullmatch(rest):
            return None, None, location
        raise _unreadable()
    ends = [at.start() for at in re.finditer("@", rest)]
    found = [(end, location) for end in ends if (location := LOCATION.fullmatch(rest[end + 1 :]))]
    if len(found) != 1:
        raise _unreadable()
    end, location = found[0]
    user, colon, password = rest[:end].partition(":")
    return unquote(user) or None, unquote(password) if colon else None, location


def _unreadable() -> SettingsError:
    return SettingsError(
        "DATABASE_URL can't be read as postgresql://user:password@host:port/database: write special"
        " characters of the user name and the password percent-encoded (@ as %40, : as %3A, / as"
        " %2F, ? as %3F, # as %23, % as %25)"
    )


def _hosts(text: str) -> tuple[str | None, int | None, dict[str, tuple[str, ...]]]:
    """Host and port; several hosts, separated by commas, in SQLAlchemy's form."""
    found = [HOST.fullmatch(each) for each in text.split(",")]
    if not all(found):
        raise _unreadable()
    pairs = [(unquote(each["host"]).strip("[]"), each["port"] or "") for each in found if each]
    if len(pairs) > 1:
        return None, None, {"host": tuple(f"{host}:{port}".rstrip(":") for host, port in pairs)}
    [(host, port)] = pairs
    return host or None, int(port) if port else None, {}


def _parameters(query: str) -> tuple[dict[str, str], str | None, tuple[str, ...]]:
    """libpq's parameters, the schema, and the names of parameters without effect."""
    from psycopg.conninfo import make_conninfo

    known: dict[str, str] = {}
    schema, ignored = None, []
    for name, value in parse_qsl(query, keep_blank_values=True):
        folded = name.casefold()
        if folded in SCHEMA_NAMES:
            schema = _schema(name, value)
        elif folded in SSL_NAMES:
            known["sslmode"] = SSL_MODES.get(value.casefold(), value.casefold())
        elif folded in OF_OTHERS:
            ignored.append(name)
        else:
            try:
                make_conninfo(**{name: value})
            except Exception:
                raise SettingsError(_unknown(name)) from None
            known[name] = value
    return known, schema, tuple(ignored)


def _unknown(name: str) -> str:
    """Show the name only if it looks like a parameter: it may be a part of a password."""
    shown = f" {name}" if re.fullmatch(r"[a-zA-Z_]{2,40}", name) else ""
    return (
        f"DATABASE_URL has the parameter{shown} after its ?, which PostgreSQL does not know: remove"
        " it, and write a ? in the password as %3F"
    )


def _schema(name: str, value: str) -> str:
    if not SCHEMA.fullmatch(value):
        raise SettingsError(f"DATABASE_URL: the parameter {name} must be the name of one schema")
    return value
