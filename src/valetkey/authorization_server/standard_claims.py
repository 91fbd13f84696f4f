"""The claims that OpenID Connect defines about an end-user: their scopes and their types (Core, 5.1 and 5.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from valetkey.authorization_server.claim_rule import RESERVED
from valetkey.authorization_server.claims_request import is_language_tag, split_name
from valetkey.jose.records import dataclass

LONGEST_TEXT: Final = 2_000
"""Characters of one value."""
OF_PROTOCOL: Final = RESERVED - {"username"} | {
    "at_hash",
    "c_hash",
    "s_hash",
    "sub_jwk",
    "_claim_names",
    "_claim_sources",
}
"""What a token says of itself or of the sign-in: never told as a claim about an end-user."""

_DATE: Final = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?")
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_PHONE: Final = re.compile(r"\+[0-9](?:[ ().\-]*[0-9]){3,14}(?:;ext=[0-9]{1,15})?")
_SHORT_MONTHS: Final = frozenset({"02-30", "02-31", "04-31", "06-31", "09-31", "11-31"})
_ADDRESS: Final = frozenset({"formatted", "street_address", "locality", "region", "postal_code", "country"})


@dataclass(frozen=True, slots=True)
class StandardClaim:
    """One row: its name, the scope that opens it, and what its value is."""

    name: str
    scope: str
    is_sound: Callable[[object], bool]
    expected: str
    """In words, for a fault."""
    has_languages: bool = False
    """It is for people to read, so that it may be there in several languages (Core, 5.2)."""


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= len(value) <= LONGEST_TEXT


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_url(value: object) -> bool:
    if not isinstance(value, str) or not value.isprintable() or " " in value or len(value) > LONGEST_TEXT:
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_birthdate(value: object) -> bool:
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None or value == "0000":
        return False
    year, month, day = found.groups()
    is_leap = int(year) % 4 == 0 and (int(year) % 100 != 0 or int(year) % 400 == 0)
    return f"{month}-{day}" not in _SHORT_MONTHS and (f"{month}-{day}" != "02-29" or is_leap)


def _is_locale(value: object) -> bool:
    return isinstance(value, str) and is_language_tag(value.replace("_", "-"))


def _is_zone(value: object) -> bool:
    return isinstance(value, str) and _ZONE.fullmatch(value) is not None


def _is_phone(value: object) -> bool:
    return isinstance(value, str) and _PHONE.fullmatch(value) is not None


def _is_address(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and _ADDRESS.issuperset(value)
        and all(_is_text(part) for part in value.values())
    )


_TEXT: Final = f"a text of 1 to {LONGEST_TEXT} characters"
_URL: Final = "an absolute http or https URL"
_FLAG: Final = "true or false"
_ROWS: Final = (
    StandardClaim("name", "profile", _is_text, _TEXT, has_languages=True),
    StandardClaim("family_name", "profile", _is_text, _TEXT, has_languages=True),
    StandardClaim("given_name", "profile", _is_text, _TEXT, has_languages=True),
    StandardClaim("middle_name", "profile", _is_text, _TEXT, has_languages=True),
    StandardClaim("nickname", "profile", _is_text, _TEXT, has_languages=True),
    StandardClaim("preferred_username", "profile", _is_text, _TEXT),
    StandardClaim("profile", "profile", _is_url, _URL, has_languages=True),
    StandardClaim("picture", "profile", _is_url, _URL, has_languages=True),
    StandardClaim("website", "profile", _is_url, _URL, has_languages=True),
    StandardClaim("gender", "profile", _is_text, _TEXT, has_languages=True),
    StandardClaim("birthdate", "profile", _is_birthdate, "a date as YYYY-MM-DD, 0000-MM-DD or YYYY"),
    StandardClaim("zoneinfo", "profile", _is_zone, "a time zone such as Europe/Paris"),
    StandardClaim("locale", "profile", _is_locale, "a language tag such as en-GB"),
    StandardClaim("updated_at", "profile", _is_number, "a number of seconds since 1970"),  # OIDCC-5.1/types
    StandardClaim("email", "email", _is_text, _TEXT),
    StandardClaim("email_verified", "email", _is_flag, _FLAG),
    StandardClaim(
        "address", "address", _is_address, f"a table of texts, any of {', '.join(sorted(_ADDRESS))}",
        has_languages=True,
    ),
    # OIDCC-5.1/phone
    StandardClaim("phone_number", "phone", _is_phone, "an E.164 number such as +1 (425) 555-1212"),
    StandardClaim("phone_number_verified", "phone", _is_flag, _FLAG),
)  # fmt: skip
STANDARD_CLAIMS: Final[Mapping[str, StandardClaim]] = {row.name: row for row in _ROWS}
"""Every row by its name; `sub` is none of them, because every answer has it."""


def value_fault(name: str, value: object) -> str | None:
    """Return what an operator should have written as the claim `name` of an end-user; None where it is sound."""
    untagged, tag = split_name(name)
    row = STANDARD_CLAIMS.get(untagged)
    if row is None:
        return None
    if tag is not None and not row.has_languages:
        return f"{untagged} is the same in every language"
    return None if row.is_sound(value) else f"expected {row.expected}"
