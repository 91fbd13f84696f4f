"""Introspection from the asking side: is a token good, and what does it say (RFC 7662, 2; signed: RFC 9701, 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from valetkey.client.errors import ResponseRejected
from valetkey.client.exchange import HTTP_OK, ask, members_of
from valetkey.client.flow import present_time
from valetkey.client.id_token import ALGORITHMS
from valetkey.client.keys import keys_for
from valetkey.jose import InvalidToken, Verifier
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import INTROSPECTION_RESPONSE
from valetkey.oauth.introspection import SIGNED_RESPONSE

if TYPE_CHECKING:
    from collections.abc import Collection

    from valetkey.client.exchange import Party
    from valetkey.client.flow import Flow

LONGEST_AGE: Final = 60
"""How many seconds ago a signed answer may have been made: it answers this question, not an older one."""


@dataclass(frozen=True, slots=True)
class Introspected:
    """What the server says of a token: `members` is empty where it is not active (RFC 7662, 2.2)."""

    active: bool
    members: Mapping[str, object]


def introspect(party: Party, token: str) -> Flow[Introspected]:
    """Ask about a token; raises ResponseRejected for an answer that does not say whether it is active."""
    response = yield from ask(party, party.server.require("introspection_endpoint"), [("token", token)])
    members = members_of(response.status, response.body, retry_after=response.header("retry-after"))
    return _introspected(members)


def introspect_signed(party: Party, token: str, *, algorithms: Collection[str] = ALGORITHMS) -> Flow[Introspected]:
    """Ask about a token, and believe only an answer that the server signed for this client (RFC 9701, 5).

    Raises ResponseRejected for an answer that is not signed, or not to be believed.
    """
    url = party.server.require("introspection_endpoint")
    response = yield from ask(party, url, [("token", token)], accept=SIGNED_RESPONSE)
    if response.status != HTTP_OK:
        members_of(response.status, response.body, retry_after=response.header("retry-after"))
    kind = (response.header("content-type") or "").partition(";")[0].strip().lower()
    if kind != SIGNED_RESPONSE:
        raise ResponseRejected("invalid_response", "The server did not sign its answer.")
    answer = response.body.decode("latin-1").strip()
    keys = yield from keys_for(answer, party.server.require("jwks_uri"), party.keys)
    now = yield from present_time()
    verifier = Verifier(
        issuer=party.server.issuer,
        audience=party.client.client_id,
        typ=INTROSPECTION_RESPONSE.typ,
        algorithms=algorithms,
        max_age=LONGEST_AGE,
        kind=INTROSPECTION_RESPONSE,
    )
    try:
        claims = verifier.verify(answer, keys, now=now).claims
    except InvalidToken as error:
        raise ResponseRejected(
            "invalid_response", f"The signed answer is not to be believed: {error.code}."
        ) from error
    members = claims["token_introspection"]
    return _introspected(members if isinstance(members, dict) else {})


def _introspected(members: Mapping[str, object]) -> Introspected:
    active = members.get("active")
    if not isinstance(active, bool):
        raise ResponseRejected("invalid_response", "The answer does not say whether the token is active.")
    return Introspected(active, dict(members) if active else {})
