"""The kinds of value that a setting can hold: how each is read from TOML and from the text of a variable."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from valetkey.authorization_server.claim_rule import EXPECTED as CLAIM_SOURCE
from valetkey.authorization_server.claim_rule import ClaimRule
from valetkey.authorization_server.outbound_guard import Blocks, Openings
from valetkey.jose import InvalidKey, JwkSet
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import Issuer, Scope, Seconds, SecretText
from valetkey.resource_server.limits import LimitBy, RateLimit

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)
Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Kind(Generic[Value_co]):
    """What a setting holds.

    `expected` completes "expected ..."; `read` takes a TOML value and raises ValueError with what is expected in
    its place; `from_text` turns a variable's text into such a value.
    """

    expected: str
    read: Callable[[object], Value_co]
    from_text: Callable[[str], object] = str


def _text(found: object, expected: str) -> str:
    if not isinstance(found, str) or not found.strip():
        raise ValueError(expected)
    return found


def _number(found: str, expected: str) -> int:
    if not found.isascii() or not found.isdecimal():
        raise ValueError(expected)
    return int(found)


def _by_commas(found: str) -> list[str]:
    return [item.strip() for item in found.split(",") if item.strip()]


def _from_json(found: str, expected: str) -> object:
    try:
        return json.loads(found)
    except ValueError:
        raise ValueError(expected) from None


def text(expected: str = "a text") -> Kind[str]:
    """Any non-empty text."""
    return Kind(expected, lambda found: _text(found, expected))


def choice(options: Iterable[str]) -> Kind[str]:
    """One of a few names."""
    names = tuple(options)
    expected = "one of " + ", ".join(names)

    def read(found: object) -> str:
        if not isinstance(found, str) or found not in names:
            raise ValueError(expected)
        return found

    return Kind(expected, read)


def member_of(options: type[Choice]) -> Kind[Choice]:
    """One of the members of an enumeration, by its value."""
    named = choice(option.value for option in options)
    return Kind(named.expected, lambda found: options(named.read(found)))


def whole_number(least: int, most: int, unit: str = "") -> Kind[int]:
    """A whole number from `least` to `most`."""
    expected = f"a whole number{' of ' + unit if unit else ''} from {least} to {most}"

    def read(found: object) -> int:
        # TOML's true is no number, though Python's True is one.
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
            raise ValueError(expected)
        return found

    return Kind(expected, read, lambda found: _number(found, expected))


def seconds(least: int, most: int) -> Kind[Seconds]:
    """A whole number of seconds."""
    number = whole_number(least, most, "seconds")
    return Kind(number.expected, lambda found: Seconds(number.read(found)), number.from_text)


def texts(expected: str = "a list of texts") -> Kind[tuple[str, ...]]:
    """A list of non-empty texts; a variable separates them by commas."""
    return list_of(Kind(expected, lambda found: _text(found, expected)), expected)


def list_of(item: Kind[Value], expected: str) -> Kind[tuple[Value, ...]]:
    """A list whose items are all of one kind."""

    def read(found: object) -> tuple[Value, ...]:
        if not isinstance(found, list):
            raise ValueError(expected)  # noqa: TRY004 - one error type for all wrong values
        return tuple(item.read(each) for each in found)

    return Kind(expected, read, _by_commas)


def _read_flag(found: object) -> bool:
    if not isinstance(found, bool):
        raise ValueError("true or false")  # noqa: TRY004 - one error type for all wrong values
    return found


def _flag_from_text(found: str) -> bool:
    if found not in {"true", "false"}:
        raise ValueError("true or false")
    return found == "true"


FLAG = Kind("true or false", _read_flag, _flag_from_text)


def _read_issuer(found: object) -> Issuer:
    return Issuer.parse(_text(found, "an https URL"))


ISSUER = Kind("an https URL without query, fragment and final slash (http only on loopback)", _read_issuer)


def _read_scope(found: object) -> Scope:
    try:
        return Scope.parse(_text(found, SCOPE_EXPECTED) if found != "" else "")
    except OAuthError:
        raise ValueError(SCOPE_EXPECTED) from None


SCOPE_EXPECTED = "scope names separated by single spaces"
SCOPE = Kind(SCOPE_EXPECTED, _read_scope)


def _read_proxy(found: object) -> str:
    expected = "IP addresses or networks such as 10.0.0.0/8"
    try:
        return str(ipaddress.ip_network(_text(found, expected)))
    except ValueError:
        raise ValueError(expected) from None


PROXIES = list_of(
    Kind("an IP address or network", _read_proxy), "a list of IP addresses or networks such as 10.0.0.0/8"
)


def rate(name: str) -> Kind[RateLimit | None]:
    """How often one address may do something; "off" never refuses it."""
    expected = 'a rate such as "100/1m", or "off"'

    def read(found: object) -> RateLimit | None:
        words = _text(found, expected)
        if words == "off":
            return None
        try:
            return RateLimit.parse(name, words, by=frozenset({LimitBy.ADDRESS}))
        except ValueError:
            raise ValueError(expected) from None

    return Kind(expected, read)


def _read_store(found: object) -> SecretText:
    expected = "a URL such as redis://valkey.internal:6379/0, rediss:// for TLS, or unix:///path/to/socket"
    url = found.reveal() if isinstance(found, SecretText) else _text(found, expected)
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError(expected)
    return SecretText(url)


VALKEY = Kind("a URL such as redis://valkey.internal:6379/0", _read_store)


def _read_address(found: object) -> str:
    expected = "IP addresses to listen on, such as 127.0.0.1 or ::"
    try:
        return str(ipaddress.ip_address(_text(found, expected)))
    except ValueError:
        raise ValueError(expected) from None


ADDRESSES = list_of(Kind("an IP address", _read_address), "a list of IP addresses to listen on, such as 127.0.0.1")


def _openings_of(found: object) -> Openings:
    entries = texts(OPENINGS_EXPECTED).read(found)
    try:
        return Openings.parse(entries)
    except ValueError:
        raise ValueError(OPENINGS_EXPECTED) from None


def _blocks_of(found: object) -> Blocks:
    entries = texts(BLOCKS_EXPECTED).read(found)
    try:
        return Blocks.parse(entries)
    except ValueError:
        raise ValueError(BLOCKS_EXPECTED) from None


OPENINGS_EXPECTED = "a list of host names, IP addresses or networks such as 10.0.0.0/8"
OPENINGS = Kind(OPENINGS_EXPECTED, _openings_of, _by_commas)
BLOCKS_EXPECTED = "a list of host names or URLs"
BLOCKS = Kind(BLOCKS_EXPECTED, _blocks_of, _by_commas)


def _read_words(found: object) -> Mapping[str, str]:
    expected = "a table of texts"
    if not isinstance(found, dict):
        raise ValueError(expected)  # noqa: TRY004 - one error type for all wrong values
    return {name: _text(words, expected) for name, words in found.items()}


WORDS = Kind("a table of texts", _read_words, lambda found: _from_json(found, "a JSON object of texts"))


def _read_table(found: object) -> Mapping[str, object]:
    expected = "a table of texts, numbers, lists and tables"
    if not isinstance(found, dict):
        raise ValueError(expected)  # noqa: TRY004 - one error type for all wrong values
    try:
        json.dumps(found, allow_nan=False)
    except (TypeError, ValueError):
        # TOML's dates and infinities have no JSON.
        raise ValueError(expected) from None
    return dict(found)


TABLE = Kind("a table", _read_table, lambda found: _from_json(found, "a JSON object"))


def _read_public_keys(found: object) -> JwkSet:
    expected = "a JWK Set of public keys: an object with a list of keys"
    content: str | Mapping[str, object]
    if isinstance(found, SecretText):
        content = found.reveal()
    elif isinstance(found, dict):
        content = found
    else:
        raise ValueError(expected)  # noqa: TRY004 - one error type for all wrong values
    try:
        return JwkSet.parse_public(content)
    except InvalidKey as error:
        raise ValueError(f"{expected} ({error})") from None


PUBLIC_KEYS = Kind("a JWK Set of public keys", _read_public_keys)


def _read_claim_rules(found: object) -> tuple[ClaimRule, ...]:
    return tuple(ClaimRule.parse(claim, text) for claim, text in _read_words(found).items())


CLAIM_RULES = Kind(
    f"a table of claims, each with {CLAIM_SOURCE}",
    _read_claim_rules,
    lambda found: _from_json(found, "a JSON object of texts"),
)
