"""Strict base64url, JSON without duplicate members, and NumericDate (RFC 7515, 2 and 4; RFC 7519, 2)."""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Mapping
from math import isfinite
from typing import Final, NoReturn

import msgspec

from valetkey.jose.errors import ConfigurationError, DuplicateMember, MalformedToken

MAXIMUM_DEPTH: Final = 32
MAXIMUM_INTEGER: Final = 2**64

# Numbers beyond this are no time that a calendar can show, and would overflow what people add to them.
MAXIMUM_NUMERIC_DATE: Final = 253_402_300_799

_PADDING: Final = ("", "", "==", "=")
# The last character of a segment carries unused bits, which must be zero (RFC 4648, 3.5).
_LAST: Final = (
    frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
    frozenset(""),
    frozenset("AQgw"),
    frozenset("AEIMQUYcgkosw048"),
)
_TO_URL_ALPHABET: Final = bytes.maketrans(b"+/", b"-_")
_PLAIN: Final = frozenset({str, int, bool, type(None)})
_NAMES: Final = frozenset({str})
_WHITESPACE: Final = b" \t\r\n"
_decode_object: Final = msgspec.json.Decoder(dict[str, object]).decode
_encode: Final = msgspec.json.Encoder().encode


def b64url_encode(octets: bytes) -> str:
    """Returns the base64url text of `octets`, without padding (RFC 7515, 2)."""
    return b2a_base64(octets, newline=False).rstrip(b"=\n").translate(_TO_URL_ALPHABET).decode("ascii")


def b64url_decode(text: str) -> bytes:
    """Returns the octets of canonical base64url text; anything else, padding included, is MalformedToken."""
    if not text:
        return b""
    remainder = len(text) & 3
    if text[-1] not in _LAST[remainder] or "+" in text or "/" in text or "=" in text:
        raise MalformedToken("A segment is not canonical base64url.")
    try:
        return msgspec.convert(text.replace("-", "+").replace("_", "/") + _PADDING[remainder], bytes)
    except (msgspec.ValidationError, UnicodeError):
        raise MalformedToken("A segment is not canonical base64url.") from None


def parse_json_object(octets: bytes) -> dict[str, object]:
    """Returns the JSON object in `octets` (UTF-8): no duplicate member, no deep nesting, no huge number.

    DuplicateMember where a name comes twice in one object, MalformedToken for everything else.
    """
    try:
        members = _decode_object(octets)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, OverflowError):
        _refuse_json()
    count = len(members)
    openers = octets.count(b"{") + octets.count(b"[")
    if openers > 1:
        count = _count_members(members, MAXIMUM_DEPTH)
    # Every member is written with a quote, then a colon. If there are no more such pairs than members came out,
    # none was overwritten by a second one of its name; whitespace between them would hide a pair.
    text = octets if octets.find(b" :") < 0 and octets.find(b"\t") < 0 and octets.find(b"\n") < 0 else None
    if text is None or octets.find(b"\r") >= 0:
        text = octets.translate(None, _WHITESPACE)
    if text.count(b'":') != count:
        _refuse_duplicates(octets)
    for value in members.values():
        if type(value) is int and not -MAXIMUM_INTEGER < value < MAXIMUM_INTEGER:
            _refuse_json()
    return members


def _count_members(value: object, depth: int) -> int:
    if depth == 0:
        raise MalformedToken("A JSON value is nested too deeply.")
    if isinstance(value, dict):
        count = len(value)
        for inner in value.values():
            if isinstance(inner, (dict, list)):
                count += _count_members(inner, depth - 1)
            elif type(inner) is int and not -MAXIMUM_INTEGER < inner < MAXIMUM_INTEGER:
                _refuse_json()
        return count
    if isinstance(value, list):
        count = 0
        for inner in value:
            if isinstance(inner, (dict, list)):
                count += _count_members(inner, depth - 1)
            elif type(inner) is int and not -MAXIMUM_INTEGER < inner < MAXIMUM_INTEGER:
                _refuse_json()
        return count
    return 0


def _refuse_json() -> NoReturn:
    raise MalformedToken("A JSON object was expected and is not there.") from None


def _refuse_duplicates(octets: bytes) -> None:
    try:
        json.loads(octets, object_pairs_hook=_without_duplicates, parse_int=len, parse_float=len)
    except (ValueError, RecursionError):
        _refuse_json()


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DuplicateMember("A JSON object names a member twice.")
    return members


def json_octets(members: Mapping[str, object]) -> bytes:
    """Returns `members` as compact JSON; ConfigurationError for what is no plain JSON value."""
    if not (_PLAIN.issuperset(map(type, members.values())) and _NAMES.issuperset(map(type, members))):
        _require_json(members, MAXIMUM_DEPTH)
    try:
        return _encode(members)
    except (TypeError, ValueError, RecursionError, OverflowError):
        raise ConfigurationError("The members cannot be written as JSON.") from None


def _require_json(value: object, depth: int) -> None:
    if depth == 0:
        raise ConfigurationError("The members are nested too deeply.")
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise ConfigurationError("A member's name is not a string.")
        for inner in value.values():
            _require_json(inner, depth - 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _require_json(inner, depth - 1)
    elif isinstance(value, float):
        if not isfinite(value):
            raise ConfigurationError("NaN and infinite numbers cannot be written as JSON.")
    elif not (value is None or isinstance(value, (str, int))):
        raise ConfigurationError("Only JSON values can be signed; write a time as a NumericDate.")


def numeric_date(value: object) -> int | float | None:
    """Returns `value` if it is a NumericDate (seconds since the epoch, RFC 7519, 2), else None."""
    if type(value) is int or type(value) is float:
        return value if 0 <= value <= MAXIMUM_NUMERIC_DATE else None
    return None
