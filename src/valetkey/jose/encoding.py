"""Strict base64url, JSON without duplicate members, and NumericDate (RFC 7515, 2 and 4; RFC 7519, 2)."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Collection, Mapping
from math import isfinite
from typing import Final

import msgspec

from valetkey.jose.errors import ConfigurationError, DuplicateMember, MalformedToken

MAXIMUM_DEPTH: Final = 32
DEEPEST: Final = 100
"""What nobody can raise the depth over: beyond it, readers run out of stack."""

# Numbers beyond this are no time that a calendar can show, and would overflow what people add to them.
MAXIMUM_NUMERIC_DATE: Final = 253_402_300_799

_NOT_BASE64URL: Final = "A segment is not canonical base64url."
_NOT_JSON: Final = "A JSON object was expected and is not there."
_PADDING: Final = (b'"', b'"', b'=="', b'="')
# The last character of a segment carries unused bits, which must be zero (RFC 4648, 3.5).
_LAST: Final = (
    frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
    frozenset(b""),
    frozenset(b"AQgw"),
    frozenset(b"AEIMQUYcgkosw048"),
)
# The standard alphabet's own characters, padding, and what JSON would read as its own become what nobody decodes.
_FROM_URL_ALPHABET: Final = bytes.maketrans(b'-_+/=\\"', b"+/!!!!!")
_PLAIN: Final = frozenset({str, int, bool, type(None)})
_STRING: Final = frozenset({str})
_TO_URL_ALPHABET: Final = bytes.maketrans(b"+/", b"-_")
_SHORT: Final = 64
# What nearly all claims sets are made of (IANA's registry of JWT claims): without another name, all are text.
_USUAL_NAMES: Final = frozenset(
    (
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "sid", "cnf", "act", "status"),
        *("azp", "nonce", "auth_time", "acr", "amr", "at_hash", "htm", "htu", "ath", "events", "roles", "groups"),
        *("name", "given_name", "family_name", "preferred_username", "email", "email_verified", "authorization_id"),
    )
)
_BRACKET: Final = ord("[")
_WHITESPACE: Final = b" \t\r\n"
# Several times as fast as the standard library's decoder, and it takes no character outside of its alphabet.
_decode_octets: Final = msgspec.json.Decoder(bytes).decode
_decode_object: Final = msgspec.json.Decoder(dict[str, object]).decode
_encode: Final = msgspec.json.Encoder().encode


def b64url_encode(octets: bytes) -> str:
    """Returns the base64url text of `octets`, without padding (RFC 7515, 2)."""
    return encode_segment(octets).decode("ascii")


def encode_segment(octets: bytes) -> bytes:
    """As `b64url_encode`, in octets."""
    if len(octets) > _SHORT:
        # JSON has few characters for which a text is long and holds `+` or `/`: to look for them is faster.
        return b2a_base64(octets).rstrip(b"=\n").replace(b"+", b"-").replace(b"/", b"_")
    return _encode(octets).translate(_TO_URL_ALPHABET, b'="')


def b64url_decode(text: str) -> bytes:
    """Returns the octets of canonical base64url text; anything else, padding included, is MalformedToken."""
    try:
        return decode_segment(text.encode("ascii"))
    except UnicodeEncodeError:
        raise MalformedToken(_NOT_BASE64URL) from None


def decode_segment(segment: bytes) -> bytes:
    """As `b64url_decode`, of text that is in octets already."""
    if not segment:
        return b""
    remainder = len(segment) & 3
    if segment[-1] not in _LAST[remainder]:
        raise MalformedToken(_NOT_BASE64URL)  # RFC7515-2/base64url
    try:
        return _decode_octets(b'"' + segment.translate(_FROM_URL_ALPHABET) + _PADDING[remainder])
    except (msgspec.DecodeError, UnicodeError):
        raise MalformedToken(_NOT_BASE64URL) from None


def decode_segments(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """As `decode_segment`, of two at once: each token that is verified has a signature and a payload."""
    if not first or not second:
        return decode_segment(first), decode_segment(second)
    one, other = len(first) & 3, len(second) & 3
    if first[-1] not in _LAST[one] or second[-1] not in _LAST[other]:
        raise MalformedToken(_NOT_BASE64URL)  # RFC7515-2/base64url
    try:
        return (
            _decode_octets(b'"' + first.translate(_FROM_URL_ALPHABET) + _PADDING[one]),
            _decode_octets(b'"' + second.translate(_FROM_URL_ALPHABET) + _PADDING[other]),
        )
    except (msgspec.DecodeError, UnicodeError):
        raise MalformedToken(_NOT_BASE64URL) from None


def parse_json_object(octets: bytes, maximum_depth: int = MAXIMUM_DEPTH) -> dict[str, object]:
    """Returns the JSON object in `octets` (UTF-8): no duplicate member, no deep nesting, no endless number.

    DuplicateMember where a name comes twice in one object, MalformedToken for everything else.
    """
    try:
        members = _decode_object(octets)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, OverflowError):
        raise MalformedToken(_NOT_JSON) from None  # RFC8725-3.7/utf-8
    is_flat = _BRACKET not in octets and octets.rfind(b"{") <= 0
    # A text that is written as these members are has no others: cheaper to see than by counting. So many brackets
    # cannot be nested deeper than they are many.
    if (is_flat or octets.count(b"{") + octets.count(b"[") <= maximum_depth) and _encode(members) == octets:
        return members
    count = len(members) if is_flat else _count_members(members, maximum_depth)
    # Every member is written with a quote, then a colon. If there are no more such pairs than members came out,
    # none was overwritten by a second one of its name; whitespace between the two would hide a pair.
    if octets.translate(None, _WHITESPACE).count(b'":') != count:
        _refuse_duplicates(octets)
    return members


def _count_members(value: object, depth: int) -> int:
    if depth == 0:
        raise MalformedToken("A JSON value is nested too deeply.")
    if isinstance(value, dict):
        inner = value.values()
        return len(value) + sum(_count_members(one, depth - 1) for one in inner if isinstance(one, (dict, list)))
    if isinstance(value, list):
        return sum(_count_members(one, depth - 1) for one in value if isinstance(one, (dict, list)))
    return 0


def _refuse_duplicates(octets: bytes) -> None:
    import json  # noqa: PLC0415 - only what few tokens come to needs it, and it is dear to import

    try:
        json.loads(octets, object_pairs_hook=_without_duplicates, parse_int=len, parse_float=len)
    except (ValueError, RecursionError):
        raise MalformedToken(_NOT_JSON) from None  # RFC7515-10.12/json


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)  # RFC7519-4/unique-claims
    if len(members) != len(pairs):
        raise DuplicateMember("A JSON object names a member twice.")  # RFC7515-4/unique-parameters
    return members


def json_octets(members: Mapping[str, object]) -> bytes:
    """Returns `members` as compact JSON; ConfigurationError for what is no plain JSON value."""
    if not (
        type(members) is dict
        and _USUAL_NAMES.issuperset(members)
        and _PLAIN.issuperset(map(type, members.values()))
    ):
        _require_json(members, MAXIMUM_DEPTH)
    try:
        return _encode(members)
    except (TypeError, ValueError, RecursionError, OverflowError):
        raise ConfigurationError("The members cannot be written as JSON.") from None


def _require_json(value: object, depth: int) -> None:
    if depth == 0:
        raise ConfigurationError("The members are nested too deeply.")
    # Dictionaries first: to ask for any mapping is slow.
    if isinstance(value, (dict, Mapping)):
        if not _STRING.issuperset(map(type, value)) and not all(isinstance(name, str) for name in value):
            raise ConfigurationError("A member's name is not a string.")
        _require_each(value.values(), depth - 1)
    elif isinstance(value, (list, tuple)):
        _require_each(value, depth - 1)
    elif isinstance(value, float):
        if not isfinite(value):
            raise ConfigurationError("NaN and infinite numbers cannot be written as JSON.")
    elif not (value is None or isinstance(value, (str, int))):
        raise ConfigurationError("Only JSON values can be signed; write a time as a NumericDate.")


def _require_each(values: Collection[object], depth: int) -> None:
    if depth and _PLAIN.issuperset(map(type, values)):
        return
    for value in values:
        if not depth or type(value) not in _PLAIN:
            _require_json(value, depth)


def numeric_date(value: object) -> int | float | None:
    """Returns `value` if it is a NumericDate (seconds since the epoch, RFC 7519, 2), else None."""
    if type(value) is int or type(value) is float:
        return value if 0 <= value <= MAXIMUM_NUMERIC_DATE else None
    return None
