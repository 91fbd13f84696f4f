"""What a route asks: of a token, of how its end-user was authenticated (RFC 9470), and how often it is called."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from valetkey.oauth.access_token import CredentialKind
from valetkey.oauth.types import Scope
from valetkey.resource_server.limits import RateLimit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.oauth.access_token import AccessToken

LONGEST_STALENESS: Final = 3_600
"""Seconds for which any guard may accept what is stale."""

EVERY_CREDENTIAL: Final = frozenset(CredentialKind)

ClaimValue = str | int | bool
_NO_CLAIMS: Final[Mapping[str, Collection[ClaimValue]]] = MappingProxyType({})


def _no_claims() -> Mapping[str, Collection[ClaimValue]]:
    return _NO_CLAIMS


_ACR: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """The token must carry every name in `scope`; an empty scope asks for a valid token only."""

    scope: Scope = Scope()
    insecure_stale_seconds: int = 0
    """For so long after the live feed was last current a token is accepted of which nothing newer can be known."""
    acr: tuple[str, ...] = ()
    """The token says one of these of its end-user's authentication, the best first; () accepts any."""
    max_age: int | None = None
    """Its end-user was authenticated no more than so many seconds ago; None asks for no time."""
    claims: Mapping[str, Collection[ClaimValue]] = field(default_factory=_no_claims)
    """Each claim named here is one of the values, or a list that holds one; "/a/b" is a JSON pointer."""
    credentials: frozenset[CredentialKind] = EVERY_CREDENTIAL
    """The kinds of credential that are taken."""
    is_public: bool = False
    """Whether a request without credentials passes; one with bad ones never does."""
    limits: tuple[RateLimit, ...] = ()
    cost: int = 1
    """The units that one request takes from each limit."""
    name: str = ""
    """What the route is called in limits that are counted by route, and where it is explained."""

    def __post_init__(self) -> None:
        if not 0 <= self.insecure_stale_seconds <= LONGEST_STALENESS:
            raise ValueError(f"a rule accepts 0 to {LONGEST_STALENESS} seconds of staleness")
        if self.max_age is not None and self.max_age < 0:
            raise ValueError("max_age is a number of seconds, 0 or more")  # RFC9470-3/max-age
        if not all(_ACR.fullmatch(value) for value in self.acr):
            raise ValueError("a value of acr is ASCII without blanks, quotation marks and backslashes")
        if not all(self.claims.values()) or not self.credentials:
            raise ValueError("a claim and the credentials name at least one value: nothing could ever pass")
        for limit in self.limits:
            if not limit.can_ever_allow(self.cost):
                raise ValueError(
                    f"limit {limit.name!r} holds {limit.burst} units: a cost of {self.cost} never passes"
                )

    @classmethod
    def requiring(
        cls,
        *scope: str,
        acr: str | Sequence[str] = (),
        max_age: int | None = None,
        insecure_stale_seconds: int = 0,
    ) -> Rule:
        """Return the rule that asks for these scope names; raises ValueError for a malformed one.

        `acr` is a list of values, or a text with blanks between them.
        """
        for name in scope:
            if list(Scope.parse(name)) != [name]:
                raise ValueError("a rule names one scope per argument")
        values = tuple(acr.split()) if isinstance(acr, str) else tuple(acr)
        return cls(Scope(scope), insecure_stale_seconds, values, max_age)

    @property
    def asks_for_authentication(self) -> bool:
        """Whether it matters how or when the end-user was authenticated."""
        return bool(self.acr) or self.max_age is not None

    def is_met_by_authentication(self, token: AccessToken, now: int) -> bool:
        """Say whether the authentication that a token tells of is good enough; one that tells nothing is not."""
        if self.acr and token.claims.get("acr") not in self.acr:
            return False
        if self.max_age is None:
            return True
        at = token.claims.get("auth_time")
        return isinstance(at, int) and not isinstance(at, bool) and now - at <= self.max_age

    def is_met_by_claims(self, token: AccessToken) -> bool:
        """Say whether each claim that the rule names has one of its values."""
        return all(_holds(_claim(token.claims, name), wanted) for name, wanted in self.claims.items())


def _claim(claims: Mapping[str, object], name: str) -> object:
    if not name.startswith("/"):
        return claims.get(name)
    found: object = claims
    for part in name[1:].split("/"):  # RFC 6901, 4
        if not isinstance(found, Mapping):
            return None
        found = found.get(part.replace("~1", "/").replace("~0", "~"))
    return found


def _holds(value: object, wanted: Collection[ClaimValue]) -> bool:
    if isinstance(value, list | tuple):
        return any(_is_one_of(one, wanted) for one in value)
    return _is_one_of(value, wanted)


def _is_one_of(value: object, wanted: Collection[ClaimValue]) -> bool:
    # True equals 1 in Python, and is another value in JSON.
    return isinstance(value, str | int) and any(value == one and type(value) is type(one) for one in wanted)
