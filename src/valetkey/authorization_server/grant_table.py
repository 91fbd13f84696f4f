"""The grants of one server: ours, and those of others that its operator named (RFC 6749, 4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from valetkey.authorization_server.grants import GRANTS
from valetkey.authorization_server.grants.grant import Grant
from valetkey.authorization_server.policy import IMPLICIT
from valetkey.jose.records import dataclass
from valetkey.oauth.resource import is_identifier
from valetkey.oauth.types import GrantType

if TYPE_CHECKING:
    from valetkey.authorization_server.policy import Policy

_MEMBERS: Final = ("parse", "load", "decide")


class UnfitGrant(ValueError):
    """What was named is no grant that can be added; the message says why, for an operator."""


@dataclass(frozen=True, slots=True)
class GrantTable:
    """Every grant by its grant_type; `further` are those of others, which no profile names."""

    further: Mapping[GrantType, Grant[Any, Any]] = field(default_factory=dict)

    @classmethod
    def with_further(cls, grants: Iterable[Grant[Any, Any]]) -> GrantTable:
        """Return the table of our grants and `grants`; raises UnfitGrant."""
        further: dict[GrantType, Grant[Any, Any]] = {}
        for grant in grants:
            refuse_unfit(grant)
            if grant.grant_type in further:
                raise UnfitGrant(f"the grant type {grant.grant_type} is added twice")
            further[grant.grant_type] = grant
        return cls(further)

    def find(self, grant_type: GrantType) -> Grant[Any, Any] | None:
        """Return the grant of that type, whatever a policy says of it."""
        return GRANTS.get(grant_type) or self.further.get(grant_type)

    def allowed(self, grant_type: GrantType, policy: Policy) -> Grant[Any, Any] | None:
        """Return the grant if `policy` names it; one of others is allowed to every profile by being named."""
        if grant_type in self.further:
            return self.further[grant_type]
        return GRANTS.get(grant_type) if grant_type in policy.grant_types else None

    def names(self, policy: Policy) -> tuple[GrantType, ...]:
        """Return what the metadata says is supported, in the order of the tables (RFC 8414, 2)."""
        ours = [name for name in (*GRANTS, IMPLICIT) if name in policy.grant_types]
        return (*ours, *self.further)


def refuse_unfit(grant: object) -> None:
    """Raise UnfitGrant unless `grant` has all that a grant has, and a grant_type of its own."""
    name = getattr(grant, "grant_type", None)
    if not isinstance(name, str) or not is_identifier(name):
        raise UnfitGrant("a grant of others has an absolute URI as its grant_type (RFC 6749, 4.5)")
    if name in GRANTS:
        raise UnfitGrant(f"the grant type {name} is ours and cannot be replaced")
    for member in ("parameters", "repeatable"):
        found = getattr(grant, member, None)
        if not isinstance(found, frozenset) or not all(isinstance(each, str) for each in found):
            raise UnfitGrant(f"the grant {name} has no frozenset of names called {member}")
    for member in _MEMBERS:
        if not callable(getattr(grant, member, None)):
            raise UnfitGrant(f"the grant {name} has no method {member}")
