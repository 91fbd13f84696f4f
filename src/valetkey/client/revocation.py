"""Revocation from the client's side: a token that is given back is dead (RFC 7009, 2)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from valetkey.client.exchange import HTTP_OK, ask, members_of

if TYPE_CHECKING:
    from valetkey.client.exchange import Party
    from valetkey.client.flow import Flow


class Kind(StrEnum):
    """What is given back: `token_type_hint` (RFC 7009, 2.1)."""

    ACCESS_TOKEN = "access_token"  # noqa: S105 - a registered hint
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a registered hint


_UNSUPPORTED: Final = "unsupported_token_type"


def revoke(party: Party, token: str, kind: Kind = Kind.REFRESH_TOKEN) -> Flow[None]:
    """Give a token back; also right for one that is dead already.

    Raises ServerUnreachable for a 503: the token still lives then, ask again (RFC 7009, 2.2.1). ServerRefused
    `unsupported_token_type` where the server cannot revoke tokens of this kind.
    """
    form = [("token", token), ("token_type_hint", kind.value)]
    response = yield from ask(party, party.server.require("revocation_endpoint"), form)
    if response.status != HTTP_OK:
        # The content of a 200 says nothing; any other answer is a refusal.
        members_of(response.status, response.body, retry_after=response.header("retry-after"))
