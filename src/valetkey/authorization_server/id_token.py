"""ID Tokens (OpenID Connect Core, 2 and 3.1.3.6): who signed in, when and how, for one client."""

from __future__ import annotations

import hashlib
from dataclasses import field
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.claims import releasable, user_claims
from valetkey.authorization_server.client_algorithms import id_token_form
from valetkey.authorization_server.client_text import text_for
from valetkey.authorization_server.subject_identifier import session_for, subject_for
from valetkey.jose.encoding import b64url_encode
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import ID_TOKEN
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from valetkey.authorization_server.decision import EndUserIssue
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import Issuer, NumericDate, Seconds

_SHA_2: Final = (
    ("256", "sha256"),
    ("256K", "sha256"),
    ("384", "sha384"),
    ("512", "sha512"),
    ("Ed25519", "sha512"),
    ("EdDSA", "sha512"),
)
_ED448: Final = "Ed448"
_ED448_OCTETS: Final = 114
"""Of SHAKE256, with which its signatures are made (RFC 8032, 5.2)."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What the response that carries an ID Token carries beside it."""

    access_token: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)

    @property
    def leads_to_access_token(self) -> bool:
        """Whether the client gets an access token, now or for the code: only then can it ask UserInfo."""
        return self.access_token is not None or self.code is not None

    def hashes(self, algorithm: str) -> Iterator[tuple[str, str]]:
        """Yield the claims that bind the ID Token to what stands beside it, for the one that `algorithm` signs."""
        if self.access_token is not None:
            # OIDCC-3.2.2.10/at-hash OIDCC-3.3.2.11/at-hash
            yield "at_hash", left_half_hash(self.access_token, algorithm)
        if self.code is not None:
            yield "c_hash", left_half_hash(self.code, algorithm)  # OIDCC-3.3.2.11/c-hash


async def mint_id_token(
    issue: EndUserIssue, client: Client, server: AuthorizationServer, beside: Beside, now: NumericDate
) -> str:
    """Return the ID Token that goes with `beside`, signed, and encrypted too where the client registered that.

    Raises Unavailable when no key has the algorithm, and NoClientKey when the client has none.
    """
    algorithm = client.id_token_signed_response_alg
    lifetime = server.policy_for(client).id_token_lifetime
    # What is said of the end-user never takes the place of what is said of the sign-in.
    claims = await _about_end_user(issue, client, server, beside)
    claims.update(id_token_claims(issue, server.issuer, lifetime, now))
    claims.update(beside.hashes(algorithm))
    authorization = issue.stored.authorization
    claims["sub"] = await subject_for(client, authorization.subject, server)  # OIDCC-8/pairwise
    if authorization.sid is not None:
        claims["sid"] = await session_for(client, authorization.sid, server)
    # OIDCC-2/signed OIDCC-10.1/kid OIDCC-2/nested
    return await text_for(client, claims, id_token_form(client), server, now, typ=ID_TOKEN.typ)


async def _about_end_user(
    issue: EndUserIssue, client: Client, server: AuthorizationServer, beside: Beside
) -> dict[str, object]:
    """Return the claims about the end-user: those asked for one by one, and the scope's where UserInfo is no way.

    Beside a code there are none: the ID Token that it buys has them, and no browser keeps them (Core, 3.3.2.11).
    """
    asked = issue.stored.authorization.claims
    scope = Scope() if beside.leads_to_access_token else issue.scope  # OIDCC-5.4/id-token
    if beside.code is not None or not (scope or asked.id_token):
        return {}
    end_user = await server.stores.end_users.find(issue.stored.authorization.subject)
    if end_user is None:
        return {}
    released = releasable(asked, client, end_user)  # OIDCC-5.5/userinfo-and-id-token
    return user_claims(end_user, scope, released.id_token, released.locales)


def id_token_claims(issue: EndUserIssue, issuer: Issuer, lifetime: Seconds, now: NumericDate) -> dict[str, object]:
    """Return the claims but for the hashes: all are those of the authentication that made the authorization.

    The `nonce` comes back only to the request that sent it and with the code that it bought (Core, 12.2).
    """
    authorization = issue.stored.authorization
    nonce = authorization.nonce if issue.id_token_nonce_applies else None  # OIDCC-12.2/nonce
    claims: Mapping[str, object] = {
        "iss": issuer.url,  # OIDCC-12.2/issuer OIDCC-3.3.3.6/issuer-and-subject
        "sub": authorization.subject,  # OIDCC-12.2/subject
        "aud": authorization.client_id,  # OIDCC-2/audience OIDCC-12.2/audience
        "exp": now + lifetime,
        "iat": now,  # OIDCC-12.2/issued-at
        "auth_time": authorization.authentication.auth_time or None,  # OIDCC-2/auth-time OIDCC-12.2/auth-time
        "nonce": nonce,  # OIDCC-2/nonce OIDCC-3.2.2.10/nonce OIDCC-3.3.2.11/nonce
        "acr": authorization.authentication.acr,
        "amr": list(authorization.authentication.amr),
        "sid": authorization.sid,
    }
    return {name: value for name, value in claims.items() if value is not None and value not in ("", [])}


def left_half_hash(text: str, algorithm: str) -> str:
    """Return `at_hash` or `c_hash`: the left half of the hash that `algorithm` uses (Core, 3.3.2.11)."""
    name = next((hashed for ending, hashed in _SHA_2 if algorithm.endswith(ending)), "sha512")
    octets = (
        hashlib.shake_256(text.encode("ascii")).digest(_ED448_OCTETS)
        if algorithm == _ED448
        else hashlib.new(name, text.encode("ascii")).digest()
    )
    return b64url_encode(octets[: len(octets) // 2])
