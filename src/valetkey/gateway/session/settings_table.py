"""Reads the table `[session]`: each value by its own rule, faults collected (RFC 10017, 6.1)."""

from __future__ import annotations

import difflib
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from valetkey.client.flow import is_safe_url
from valetkey.gateway.session.settings import (
    ABSOLUTE_TIMEOUT,
    DEFAULT_METHODS,
    Forward,
    SessionSettings,
    SessionSettingsError,
)
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import Scope, SecretText

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FILES: Final = {"client_secret_file": "client_secret", "key_file": "key"}
KEYS: Final = frozenset(
    {one.name for one in fields(SessionSettings)} - set(_FILES.values()) | set(_FILES) | {"insecure_http_upstreams"}
)
"""What the table may hold."""
_FORWARD_KEYS: Final = ("prefix", "upstream", "methods")
_REQUIRED: Final = ("issuer", "client_id", "client_secret_file", "key_file", "base_url")
_SHORTEST_KEY: Final = 32
_SHORTEST_SECRET: Final = 32
_LONGEST_DAYS: Final = 31 * 24 * 3600
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_LANDING: Final = re.compile(r"/(?:[A-Za-z0-9._~-]+/?)*")
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/")
_HEADER: Final = re.compile(r"[a-z0-9-]{1,64}")
_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_NEVER_FORWARDED: Final = frozenset({"CONNECT", "TRACE", "OPTIONS"})
_VALUE: Final = re.compile(r"[\x21-\x7e]{1,64}")
_DOT_SEGMENT: Final = re.compile(r"/\.{1,2}(?:/|$)")


def parse_session(table: Mapping[str, object]) -> SessionSettings:
    """Return the settings of the table `[session]`, whose secrets are read from the files that it names.

    Raises SessionSettingsError with every fault: an unknown key (the nearest known one is named), a missing one,
    a value that cannot be used, a file that cannot be read.
    """
    return _Reading(table).settings()


class _Reading:
    def __init__(self, table: Mapping[str, object]) -> None:
        self._table = table
        self._faults: list[str] = []

    def settings(self) -> SessionSettings:
        self._faults += [f"session.{name}: unknown{_hint(name, KEYS)}" for name in self._table if name not in KEYS]
        self._faults += [f"session.{name}: missing" for name in _REQUIRED if name not in self._table]
        readers: dict[str, Callable[[object], object]] = {
            "issuer": _issuer,
            "client_id": _text,
            "base_url": _origin,
            "scope": _scope,
            "resource": _text,
            "prefix": _shaped(_PATH, "a path such as /session"),
            "landing": _shaped(_LANDING, "a path such as /"),
            "csrf_header": _csrf_header,
            "csrf_value": _shaped(_VALUE, "visible ASCII"),
            "idle_timeout": _number(60, _LONGEST_DAYS),
            "absolute_timeout": _number(60, _LONGEST_DAYS),
            "claims": _names,
            "upstream_timeout": _number(1, 600),
            "maximum_request": _number(0, 1 << 40),
            "maximum_response": _number(1, 1 << 40),
            "database": _text,
        }
        values: dict[str, Any] = {}
        for name, read in readers.items():
            self._read(values, name, name, read)
        self._read(values, "client_secret_file", "client_secret", _secret_of)
        self._read(values, "key_file", "key", _key_of)
        values["forwards"] = self._forwards()
        self._between(values)
        if self._faults:
            raise SessionSettingsError(tuple(self._faults))
        return SessionSettings(**values)

    def _read(self, values: dict[str, Any], name: str, member: str, read: Callable[[object], object]) -> None:
        if name not in self._table:
            return
        try:
            values[member] = read(self._table[name])
        except ValueError as error:
            self._faults.append(f"session.{name}: {error}")

    def _forwards(self) -> tuple[Forward, ...]:
        rows = self._table.get("forwards", [])
        if not isinstance(rows, list):
            self._faults.append("session.forwards: expected a list of tables")
            return ()
        found: list[Forward] = []
        for number, row in enumerate(rows, start=1):
            where = f"session.forwards, row {number}"
            if not isinstance(row, dict):
                self._faults.append(f"{where}: expected a table")
                continue
            unknown = [name for name in row if name not in _FORWARD_KEYS]
            self._faults += [f"{where}: {name} is unknown{_hint(str(name), _FORWARD_KEYS)}" for name in unknown]
            try:
                found.append(_forward(row, is_http_allowed=self._table.get("insecure_http_upstreams") is True))
            except ValueError as error:
                self._faults.append(f"{where}: {error}")
        prefixes = [forward.prefix for forward in found]
        twice = sorted({prefix for prefix in prefixes if prefixes.count(prefix) > 1})
        self._faults += [f"session.forwards: {prefix} stands there twice" for prefix in twice]
        return tuple(found)

    def _between(self, values: Mapping[str, Any]) -> None:
        own = values.get("prefix", "/session") + "/"
        for forward in values["forwards"]:
            if own.startswith(forward.prefix) or forward.prefix.startswith(own):
                self._faults.append(f"session.forwards: {forward.prefix} overlaps with {own} of the session itself")
        if values.get("idle_timeout", 0) > values.get("absolute_timeout", ABSOLUTE_TIMEOUT):
            self._faults.append("session.idle_timeout: longer than absolute_timeout")
        if "insecure_http_upstreams" in self._table and not isinstance(
            self._table["insecure_http_upstreams"], bool
        ):
            self._faults.append("session.insecure_http_upstreams: expected true or false")


def _forward(row: Mapping[str, object], *, is_http_allowed: bool) -> Forward:
    prefix, upstream = row.get("prefix"), row.get("upstream")
    methods = row.get("methods", list(DEFAULT_METHODS))
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix) or _DOT_SEGMENT.search(prefix):
        raise ValueError("prefix is a path that ends with a slash, such as /api/")
    if not isinstance(upstream, str) or not _is_upstream(upstream, is_http_allowed=is_http_allowed):
        raise ValueError("upstream is an https URL without query (http for loopback only)")
    if not isinstance(methods, list) or not methods:
        raise ValueError("methods is a list of methods, such as GET")
    for method in methods:
        if not isinstance(method, str) or not _METHOD.fullmatch(method) or method in _NEVER_FORWARDED:
            raise ValueError(f"{method} is no method that can be forwarded")
    return Forward(prefix, upstream if upstream.endswith("/") else f"{upstream}/", tuple(methods))


def _is_upstream(url: str, *, is_http_allowed: bool) -> bool:
    if any(character in url for character in "?#%\\") or _DOT_SEGMENT.search(urlsplit(url).path):
        return False
    # Tokens go there: over http only to this machine, or where the operator says that the network is trusted.
    is_plain = url.startswith("http://") and is_http_allowed
    return is_safe_url(f"https://{url.removeprefix('http://')}" if is_plain else url)


def _issuer(value: object) -> str:
    if not isinstance(value, str) or not is_safe_url(value) or "?" in value or "#" in value:
        raise ValueError("expected an https URL (http for loopback only)")
    return value


def _origin(value: object) -> str:
    if isinstance(value, str) and is_safe_url(value):
        parts = urlsplit(value)
        # Browsers send it in lower case and without the port of the scheme: it is compared as it is sent.
        default = {"https": 443, "http": 80}[parts.scheme]
        is_exact = parts.netloc == parts.netloc.lower() and parts.port != default
        if is_exact and value.rstrip("/") == f"{parts.scheme}://{parts.netloc}":
            return value.rstrip("/")
    raise ValueError("expected the origin that browsers see, such as https://app.example (http for loopback only)")


def _scope(value: object) -> Scope:
    try:
        scope = Scope.parse(_text(value))
    except OAuthError as error:
        raise ValueError(error.description) from None
    if "openid" not in scope:
        raise ValueError("expected openid among the names: a session has to know whose it is")
    return scope


def _csrf_header(value: object) -> str:
    name = _text(value).lower()
    # A header that pages of other origins may send without asking protects nothing (Fetch, 2.2.2).
    is_free = name in {"accept", "accept-language", "content-language", "content-type", "range"}
    if not _HEADER.fullmatch(name) or is_free or name.startswith(("sec-", "proxy-")):
        raise ValueError("expected the name of a header of your own, such as X-CSRF")
    return name


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("expected a text")
    return value


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("expected a list of names")  # noqa: TRY004 - a fault of the table, told with the others
    return tuple(_text(name) for name in value)


def _shaped(shape: re.Pattern[str], expected: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not shape.fullmatch(value) or _DOT_SEGMENT.search(value):
            raise ValueError(f"expected {expected}")
        return value

    return read


def _number(lowest: int, highest: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise ValueError(f"expected a number from {lowest} to {highest}")
        return value

    return read


def _secret_of(value: object) -> SecretText:
    secret = _content_of(value).decode("utf-8", "replace").strip()
    if len(secret) < _SHORTEST_SECRET:
        raise ValueError(f"the file holds a secret of fewer than {_SHORTEST_SECRET} characters")
    return SecretText(secret)


def _key_of(value: object) -> bytes:
    key = _content_of(value).strip()
    if len(key) < _SHORTEST_KEY:
        raise ValueError(f"the file holds fewer than {_SHORTEST_KEY} octets")
    return key


def _content_of(value: object) -> bytes:
    try:
        return Path(_text(value)).read_bytes()
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None


def _hint(name: str, known: frozenset[str] | tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
