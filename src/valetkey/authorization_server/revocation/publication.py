"""What a published status list says (Token Status List, 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server import paths
from valetkey.authorization_server.revocation.permutation import Permutation
from valetkey.authorization_server.revocation.statuses import CAPACITY, RevokeStatus, StatusListId
from valetkey.oauth.status_list import StatusList, StatusReference
from valetkey.oauth.types import NumericDate, Seconds

if TYPE_CHECKING:
    from valetkey.authorization_server.revocation.statuses import StoredStatusList
    from valetkey.oauth.access_token import AccessToken
    from valetkey.oauth.types import Issuer

TTL: Final = Seconds(5)
"""For how long a copy may be kept: what was revoked is refused everywhere within a few seconds."""
LIFETIME: Final = Seconds(60)
"""After which a copy is not believed any more, whoever kept it."""


def status_list_uri(issuer: Issuer, list_id: StatusListId) -> str:
    """Return where the list is published, which is also what its tokens name."""
    return issuer.endpoint(f"{paths.STATUS_LISTS}/{list_id}")


def status_revocation(token: AccessToken) -> tuple[RevokeStatus, ...]:
    """Return what marks the place of one of our own genuine tokens revoked: nothing where it has none."""
    reference = StatusReference.parse(token.claims)
    if reference is None:
        return ()
    return (RevokeStatus(StatusListId(reference.uri.rpartition("/")[2]), reference.index, token.expires_at),)


def status_list(stored: StoredStatusList) -> StatusList:
    """Return the list in which everything revoked is INVALID; its blocks are put in their keyed order."""
    revoked = set(stored.indices)
    if stored.blocks:
        index = Permutation(stored.key).index
        revoked.update(index(at) for start, size in stored.blocks for at in range(start, start + size))
    return StatusList.of_revoked(revoked, CAPACITY)


def status_list_claims(
    issuer: Issuer, list_id: StatusListId, content: dict[str, object], now: NumericDate
) -> dict[str, object]:
    """Return the claims of the status list token that is signed now; `content` is the list's own claim."""
    return {
        "iss": issuer.url,
        "sub": status_list_uri(issuer, list_id),  # TSL-5.1/sub
        "iat": now,  # TSL-5.1/iat
        "exp": now + LIFETIME,
        "ttl": TTL,  # TSL-5.1/ttl
        "status_list": content,  # TSL-5.1/status-list
    }
