"""Authorization code with PKCE from the client's side (OAuth 2.1, 4.1; RFC 9207; RFC 8252)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from valetkey.client.exchange import FlowError, FormPost, Server, token_post
from valetkey.oauth.types import ClientId, Scope, SecretText

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class CodeFlow:
    """What a client asks for: who it is, where it wants the answer, and which rights."""

    server: Server
    client_id: ClientId
    redirect_uri: str
    scope: Scope
    resource: str | None = None
    secret: SecretText | None = field(default=None, repr=False)

    def start(self, entropy: bytes) -> StartedCodeFlow:
        """Begin with 32 random bytes, from which state, nonce and code verifier are derived."""
        if len(entropy) < 32:  # noqa: PLR2004 - 256 bits
            raise ValueError("a flow needs 32 random bytes")
        state, nonce, verifier = (_derive(entropy, label) for label in ("state", "nonce", "code_verifier"))
        return StartedCodeFlow(self, state, nonce, verifier)


@dataclass(frozen=True, slots=True)
class StartedCodeFlow:
    """A flow whose answer is awaited: keep it, bound to the browser that was sent away."""

    flow: CodeFlow
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)

    @property
    def url(self) -> str:
        """Where the end-user's browser goes."""
        challenge = urlsafe_b64encode(hashlib.sha256(self.code_verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = [
            ("response_type", "code"),
            ("client_id", self.flow.client_id),
            ("redirect_uri", self.flow.redirect_uri),
            ("scope", str(self.flow.scope)),
            ("state", self.state),
            ("nonce", self.nonce),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]
        if self.flow.resource:
            parameters.append(("resource", self.flow.resource))
        return f"{self.flow.server.authorization_endpoint}?{urlencode(parameters)}"

    def token_request(self, query: str) -> FormPost:
        """Return the code's redemption, given the query of the redirect that came back.

        Raises FlowError for a refusal, a foreign `state` or another issuer's `iss` (RFC 9207, 2.4).
        """
        answer = parse_qs(query, keep_blank_values=True)
        if not hmac.compare_digest(_single(answer, "state").encode(), self.state.encode()):
            raise FlowError("state_mismatch", "The answer does not belong to the request that was sent.")
        server = self.flow.server
        # RFC9207-2.4/comparison RFC9207-2.4/mismatch RFC9207-2.4/absent
        if (server.sends_issuer or "iss" in answer) and _single(answer, "iss") != server.issuer:
            raise FlowError("issuer_mismatch", "The answer comes from another issuer.")
        if "error" in answer:
            raise FlowError(_single(answer, "error"), _single(answer, "error_description"))
        form = (
            ("grant_type", "authorization_code"),
            ("code", _single(answer, "code")),
            ("redirect_uri", self.flow.redirect_uri),
            ("code_verifier", self.code_verifier),
        )
        return token_post(server, self.flow.client_id, self.flow.secret, form)


def _single(answer: dict[str, list[str]], name: str) -> str:
    values: Sequence[str] = answer.get(name, ())
    return values[0] if len(values) == 1 else ""


def _derive(entropy: bytes, label: str) -> str:
    digest = hashlib.blake2b(label.encode(), digest_size=32, key=entropy[:64]).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
