"""Lints about claims: times, what is missing, and what nobody should read (RFC 7519, 4; RFC 8725, 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from valetkey.jose.encoding import numeric_date
from valetkey.jose.jws import normal_typ
from valetkey.jose.lint_texts import Finding
from valetkey.jose.token_kinds import (
    AT_JWT,
    DPOP_PROOF,
    INTROSPECTION_RESPONSE,
    LOGOUT_TOKEN,
    REQUEST_OBJECT,
    SECURITY_EVENT_TOKEN,
    STATUS_LIST_TOKEN,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_LIFE_SECONDS: Final = 86_400
LONG_ACCESS_TOKEN_SECONDS: Final = 3_600
CLOCK_SKEW_SECONDS: Final = 60
"""Two clocks may differ by this much before a time in the future is a finding."""
EXPECTED_CLAIMS: Final = ("exp", "iss", "aud", "sub", "iat", "jti")
# What a kind that is told by its typ must bear is the rule of the kind; all others should bear everything.
CLAIMS_OF_KINDS: Final = {
    kind.typ: kind.required
    for kind in (
        *(AT_JWT, DPOP_PROOF, INTROSPECTION_RESPONSE, LOGOUT_TOKEN, REQUEST_OBJECT, SECURITY_EVENT_TOKEN),
        STATUS_LIST_TOKEN,
    )
}
_MILLISECONDS: Final = 100_000_000_000
_MAXIMUM_DEPTH: Final = 8
_SECRET_NAME: Final = re.compile(
    r"(^|_)(password|passwd|pwd|passphrase|secret|client_?secret|api_?key|private_?key|access_?key|secret_?key|"
    r"refresh_?token|otp|pin|totp|cvv|cvc|card_?number|credit_?card|iban|ssn|seed_?phrase|mnemonic)($|_)"
)
_SECRET_VALUE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|^vk_(at|rt|ac|cs|ak|rat)_|^(sk|rk)_(live|test)_|^gh[pousr]_\w{20}|^github_pat_|"
    r"^AKIA[0-9A-Z]{16}$|^xox[abprs]-|^glpat-|^\$(argon2|2[aby]\$|6\$|pbkdf2)|^[a-z][a-z0-9+]*://[^/\s:@]+:[^/\s@]+@"
)
_PERSONAL: Final = frozenset(
    {
        "email",
        "phone_number",
        "phone",
        "address",
        "birthdate",
        "date_of_birth",
        "gender",
        "nationality",
        "ip",
        "given_name",
    }
)
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|-")


def lint_claims(claims: Mapping[str, object], typ: object, now: int) -> Iterator[Finding]:
    """Yields the findings about the claims of a token whose header has this `typ`; `now` in seconds."""
    kind = normal_typ(typ) if isinstance(typ, str) else ""
    yield from _times(claims, now)
    yield from _missing(claims, kind)
    yield from _lifetime(claims, kind, now)
    if kind in {"", "jwt"} and "nonce" not in claims and "scope" in claims and "client_id" in claims:
        yield Finding("typ_access_token")
    yield from _readable(claims, "", _MAXIMUM_DEPTH)


def _times(claims: Mapping[str, object], now: int) -> Iterator[Finding]:
    for name in ("exp", "nbf", "iat"):
        if name not in claims:
            continue
        value = claims[name]
        time = numeric_date(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > _MILLISECONDS:
            yield Finding("time_in_milliseconds", f"{name} is {value}")
        elif time is None:
            yield Finding("time_malformed", f"{name} is {_kind_of(value)}")
        elif name == "exp":
            if now >= time:
                yield Finding("exp_past", f"{_duration(now - time)} ago")
        elif time > now + CLOCK_SKEW_SECONDS:
            yield Finding(f"{name}_future", f"in {_duration(time - now)}")


def _missing(claims: Mapping[str, object], kind: str) -> Iterator[Finding]:
    expected = CLAIMS_OF_KINDS.get(kind, EXPECTED_CLAIMS)
    yield from (
        Finding(f"{name}_missing") for name in EXPECTED_CLAIMS if name in expected and claims.get(name) is None
    )


def _lifetime(claims: Mapping[str, object], kind: str, now: int) -> Iterator[Finding]:
    expires_at, issued_at = numeric_date(claims.get("exp")), numeric_date(claims.get("iat"))
    if expires_at is None or expires_at > _MILLISECONDS:
        return
    lifetime = expires_at - (now if issued_at is None else issued_at)
    if issued_at is not None and lifetime <= 0:
        yield Finding("exp_before_iat")
    elif lifetime > (LONG_ACCESS_TOKEN_SECONDS if kind == "at+jwt" else LONG_LIFE_SECONDS):
        yield Finding("long_life", _duration(lifetime))


def _readable(value: object, path: str, depth: int) -> Iterator[Finding]:
    if depth == 0:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            place = f"{path}.{name}" if path else str(name)
            words = _WORD_START.sub("_", str(name)).lower()
            if _SECRET_NAME.search(words) and inner not in (None, "", False, True):
                yield Finding("secret_claim", place)
            elif words in _PERSONAL and inner not in (None, ""):
                yield Finding("personal_claim", place)
            else:
                yield from _readable(inner, place, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _readable(inner, path, depth - 1)
    elif isinstance(value, str) and _SECRET_VALUE.search(value):
        yield Finding("secret_claim", path)


def _kind_of(value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "out of range"
    return {str: "a string", bool: "a boolean", list: "a list", dict: "an object"}.get(type(value), "null")


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} seconds"
