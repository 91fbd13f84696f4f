"""What the rules of a resource server read of an end-user, a client and a session (RFC 9068, 2.2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server.model import Authorization, Client, EndUser, Resource
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from valetkey.oauth.types import Scope

LARGE: Final = 2_048
"""Octets of mapped claims from which on a token is called large: many servers take 8 kB of headers in all."""


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """Whom a token speaks for; `end_user` and `authorization` are None where a client acts for itself."""

    client: Client
    end_user: EndUser | None
    authorization: Authorization | None


_OF_END_USER: Final[Mapping[str, Callable[[EndUser], object]]] = {
    "user.username": lambda user: user.username,
    "user.name": lambda user: user.name,
    "user.email": lambda user: user.email,
    # Of no address there is nothing to verify.
    "user.email_verified": lambda user: user.email_verified if user.email is not None else None,
    "user.roles": lambda user: sorted(user.roles),
}
_OF_SESSION: Final[Mapping[str, Callable[[Authorization], object]]] = {
    "session.sid": lambda authorization: authorization.sid,
    "session.auth_time": lambda authorization: authorization.authentication.auth_time or None,
    "session.acr": lambda authorization: authorization.authentication.acr,
    "session.amr": lambda authorization: list(authorization.authentication.amr),
}
_USER_CLAIMS: Final = "user.claims."
_CLIENT_ATTRIBUTES: Final = "client.attributes."


def mapped_claims(resources: Sequence[Resource], scope: Scope, facts: ClaimFacts) -> dict[str, object]:
    """Return the claims that `resources` want in a token with `scope`.

    What is not known is left out, and so is an empty text, list or object. Where two resources want a claim of one
    name, the first one's rule holds.
    """
    claims: dict[str, object] = {}
    for resource in resources:
        for rule in resource.claims:
            if rule.claim in claims or (rule.scope is not None and rule.scope not in scope):
                continue
            value = _read(rule.source, facts)
            if value is not None and value not in ("", [], {}):
                claims[rule.claim] = value
    return claims


def wants_end_user(resources: Sequence[Resource]) -> bool:
    """Say whether a rule reads the end-user, who otherwise is not loaded for a token."""
    return any(rule.source.startswith("user.") for resource in resources for rule in resource.claims)


def octets_of(claims: Mapping[str, object]) -> int:
    """Return how many octets of a token the claims take, before base64url makes four of three."""
    return len(msgspec.json.encode(claims)) if claims else 0


def _read(source: str, facts: ClaimFacts) -> object:
    if source == "client.name":
        return facts.client.name
    if source.startswith(_CLIENT_ATTRIBUTES):
        return facts.client.attributes.get(source.removeprefix(_CLIENT_ATTRIBUTES))
    if facts.end_user is not None and source.startswith("user."):
        of_end_user = _OF_END_USER.get(source)
        if of_end_user is not None:
            return of_end_user(facts.end_user)
        return facts.end_user.claims.get(source.removeprefix(_USER_CLAIMS))
    of_session = _OF_SESSION.get(source)
    return None if of_session is None or facts.authorization is None else of_session(facts.authorization)
