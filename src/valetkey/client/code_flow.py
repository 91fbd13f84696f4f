"""Authorization code with PKCE from the client's side (OAuth 2.1, 4.1; RFC 9207; RFC 8252)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlencode

from valetkey.client.authentication import Credentials
from valetkey.client.discovery import Server
from valetkey.client.errors import ResponseRejected, ServerRefused
from valetkey.client.exchange import token_post
from valetkey.jose.records import dataclass
from valetkey.oauth.pkce import challenge_of
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from valetkey.client.flow import OutgoingRequest

ENTROPY_OCTETS: Final = 32


@dataclass(frozen=True, slots=True)
class CodeFlow:
    """What a client asks for: who it is, where it wants the answer, and which rights.

    `parameters` are further ones of the authorization request (`prompt`, `login_hint`, `max_age`). `credentials`
    are only for who sends `StartedCodeFlow.token_request` himself; without them the client is public.
    """

    server: Server
    client_id: str
    redirect_uri: str
    scope: Scope
    resource: str | None = None
    credentials: Credentials | None = field(default=None, repr=False)
    parameters: tuple[tuple[str, str], ...] = ()

    def start(self, entropy: bytes) -> StartedCodeFlow:
        """Begin with 32 random octets, from which state, nonce and code verifier are derived.

        The same octets make the same flow again: they are all that has to be kept while the browser is away.
        """
        if len(entropy) < ENTROPY_OCTETS:
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
        """Where the end-user's browser goes; raises ResponseRejected where the server has no such endpoint."""
        flow = self.flow
        parameters = [
            ("response_type", "code"),
            ("client_id", flow.client_id),
            ("redirect_uri", flow.redirect_uri),
            ("scope", str(flow.scope)),
            ("state", self.state),
            ("nonce", self.nonce),
            ("code_challenge", challenge_of(self.code_verifier)),
            ("code_challenge_method", "S256"),
        ]
        if flow.resource:
            parameters.append(("resource", flow.resource))
        own = {name for name, _ in parameters}
        parameters += [(name, value) for name, value in flow.parameters if name not in own]
        endpoint = flow.server.require("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    def is_answer(self, query: str) -> bool:
        """Say whether the query of a redirect belongs to this flow, by its `state`."""
        return hmac.compare_digest(_single(_parsed(query), "state").encode(), self.state.encode())

    def redemption(self, query: str) -> list[tuple[str, str]]:
        """Return what redeems the code, given the query of the redirect that came back.

        Raises ServerRefused for a refusal, ResponseRejected for a foreign `state` or another issuer's `iss`
        (RFC 9207, 2.4).
        """
        answer = _parsed(query)
        if not self.is_answer(query):
            raise ResponseRejected("state_mismatch", "The answer does not belong to the request that was sent.")
        server = self.flow.server
        # RFC9207-2.4/comparison RFC9207-2.4/mismatch RFC9207-2.4/absent
        if (server.sends_issuer or "iss" in answer) and _single(answer, "iss") != server.issuer:
            raise ResponseRejected("issuer_mismatch", "The answer comes from another issuer.")
        if "error" in answer:
            words = _single(answer, "error_description") or "The server refused."
            raise ServerRefused(_single(answer, "error") or "invalid_response", words)
        code = _single(answer, "code")
        if not code:
            raise ResponseRejected("invalid_response", "The answer holds neither a code nor an error.")
        return [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.flow.redirect_uri),
            ("code_verifier", self.code_verifier),
        ]

    def token_request(self, query: str) -> OutgoingRequest:
        """Return the code's redemption, to send by any HTTP library; raises as `redemption` does."""
        flow = self.flow
        credentials = flow.credentials or Credentials.public(flow.client_id)
        return token_post(flow.server, credentials, self.redemption(query))


def _parsed(query: str) -> dict[str, list[str]]:
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}


def _single(answer: Mapping[str, Sequence[str]], name: str) -> str:
    values: Sequence[str] = answer.get(name, ())
    return values[0] if len(values) == 1 else ""


def _derive(entropy: bytes, label: str) -> str:
    digest = hashlib.blake2b(label.encode(), digest_size=32, key=entropy[:64]).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
