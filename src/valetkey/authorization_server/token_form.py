"""How an access token is written: opaque or signed, by which algorithm, and for whom it is encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.model import AccessTokenFormat
from valetkey.jose import Jwk
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.authorization_server.model import Client, Resource

ALGORITHM: Final = "ES256"
"""Fast to sign and to verify, and every verifier has it."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whose key a token is encrypted for, and by which content encryption."""

    key: Jwk
    encryption: str


@dataclass(frozen=True, slots=True)
class TokenForm:
    """How one access token is written; `signing_alg` and `recipient` say nothing about an opaque one."""

    format: AccessTokenFormat
    signing_alg: str = ALGORITHM
    recipient: Recipient | None = None


def form_for(resources: Sequence[Resource], client: Client) -> TokenForm:
    """Return how a token for `resources` is written.

    Raises OAuthError `invalid_target` where one text cannot suit them all: where they want other algorithms, or one
    of them may not read what the other one gets.
    """
    if format_for(resources, client) is AccessTokenFormat.OPAQUE:
        return TokenForm(AccessTokenFormat.OPAQUE)
    wanted = {(one.signing_alg or ALGORITHM, _thumbprint(one), one.encryption_enc) for one in resources}
    if len(wanted) > 1:
        raise OAuthError(
            ErrorCode.INVALID_TARGET,
            "These resources want their tokens written differently: ask for one of them at a time.",
            "RFC8707-2/unknown",
        )
    if not resources:
        return TokenForm(AccessTokenFormat.JWT)
    first = resources[0]
    keys = first.encryption_jwks
    recipient = None if keys is None else Recipient(keys.keys[0], first.encryption_enc)
    return TokenForm(AccessTokenFormat.JWT, first.signing_alg or ALGORITHM, recipient)


def format_for(resources: Sequence[Resource], client: Client) -> AccessTokenFormat:
    """Return how a token is written: as its client says, else opaque as soon as one of `resources` asks for that.

    A resource whose tokens are opaque must not find what they say in a token that everybody can read.
    """
    if client.access_token_format is not None:
        return client.access_token_format
    wants_opaque = any(one.access_token_format is AccessTokenFormat.OPAQUE for one in resources)
    return AccessTokenFormat.OPAQUE if wants_opaque else AccessTokenFormat.JWT


def _thumbprint(resource: Resource) -> str | None:
    keys = resource.encryption_jwks
    return None if keys is None else keys.keys[0].thumbprint()
