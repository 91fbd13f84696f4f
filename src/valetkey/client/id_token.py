"""What a relying party verifies of an ID Token (OpenID Connect Core, 3.1.3.7)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from valetkey.client.errors import ResponseRejected
from valetkey.jose import InvalidToken, JwkSet, Verifier

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from valetkey.client.code_flow import StartedCodeFlow

ALGORITHMS: Final = frozenset({"ES256", "RS256", "PS256", "Ed25519", "EdDSA"})
"""Accepted unless the client names those that it registered."""


def verify_id_token(
    id_token: str,
    started: StartedCodeFlow,
    keys: JwkSet,
    *,
    now: int | None = None,
    algorithms: Collection[str] = ALGORITHMS,
) -> Mapping[str, object]:
    """Return the claims of the ID Token that a started flow brought; `keys` are those of its issuer.

    Raises ResponseRejected: `invalid_id_token` for a signature, issuer, audience or lifetime that is not as it must
    be (its cause is the InvalidToken), `nonce_mismatch` for one that belongs to another request. `now` is seconds
    since the epoch.
    """
    flow = started.flow
    # OIDCC-3.1.3.7/issuer OIDCC-3.1.3.7/audience OIDCC-3.1.3.7/signature OIDCC-3.1.3.7/expiration
    verifier = Verifier.id_token(issuer=flow.server.issuer, client_id=flow.client_id, algorithms=algorithms)
    try:
        claims = verifier.verify(id_token, keys, now=now).claims
    except InvalidToken as error:
        raise ResponseRejected("invalid_id_token", f"The ID Token is not to be believed: {error.code}.") from error
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), started.nonce.encode()):
        # OIDCC-3.1.3.7/nonce
        raise ResponseRejected("nonce_mismatch", "The ID Token belongs to another request.")
    return claims
