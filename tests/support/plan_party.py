"""A relying party as the plans of conformance suites behave: it registers itself, and believes nothing unseen."""

from __future__ import annotations

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from joserfc import jwk, jws
from joserfc import jwt as outside_jwt

from support.example_provider import ExampleProvider

if TYPE_CHECKING:
    from support.person import Person, Sight

CALLBACK = "https://suite.example.com/test/a/valetkey/callback"
SIGNED_OUT = "https://suite.example.com/test/a/valetkey/post_logout_redirect"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back to the redirect URI: `place` is query, fragment or form."""

    place: str
    members: dict[str, str]
    nonce: str | None = None
    tokens: dict[str, Any] | None = None
    """What the token endpoint gave for its code."""


@dataclass(slots=True)
class PlanParty:
    """One dynamically registered client of a running provider, for one response type and mode."""

    provider: ExampleProvider
    response_type: str
    mode: str | None = None
    client: dict[str, Any] = field(default_factory=dict, repr=False)
    key: jwk.RSAKey = field(default_factory=lambda: jwk.RSAKey.generate_key(2048), repr=False)

    @property
    def gives_code(self) -> bool:
        """Whether the token endpoint is part of the flow."""
        return "code" in self.response_type.split()

    def registered(self, **changes: object) -> PlanParty:
        """Return the party as a new client, with everything echoed that was asked for."""
        grants = ["authorization_code"] if self.gives_code else []
        if self.response_type != "code":
            grants.append("implicit")
        public = self.key.as_dict(private=False) | {"kid": "suite-key", "use": "sig", "alg": "RS256"}
        asked = {
            "client_name": "conformance client",
            "grant_types": grants,
            "jwks": {"keys": [public]},
            "token_endpoint_auth_method": "client_secret_basic",
            "response_types": [self.response_type],
            "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [SIGNED_OUT],
            "contacts": ["certification@suite.example.com"],
        } | changes
        response = httpx2.post(f"{self.provider.issuer}/register", json=asked, timeout=30)
        assert response.status_code == 201, response.text
        assert response.headers["content-type"].startswith("application/json")
        found = dict(response.json())
        assert {name: found[name] for name in asked.keys() - {"jwks", "grant_types", "contacts"}} == {
            name: asked[name] for name in asked.keys() - {"jwks", "grant_types", "contacts"}
        }
        return replace(self, client=found)

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """Return an authorization request; None leaves a parameter out."""
        asked: dict[str, str | None] = {
            "client_id": self.client["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": secrets.token_urlsafe(96),
            "nonce": secrets.token_urlsafe(16),
            "response_type": self.response_type,
            "response_mode": self.mode,
        }
        return {name: value for name, value in (asked | changes).items() if value is not None}

    def url(self, parameters: dict[str, str]) -> str:
        """Return where the browser goes."""
        return f"{self.provider.issuer}/authorize?{urlencode(parameters)}"

    def asked(self, person: Person, **changes: str | None) -> Response:
        """Do whatever the pages ask; return what came back, with `state` and `iss` as they must be."""
        parameters = self.parameters(**changes)
        sight = person.open(self.url(parameters))
        if "login-submit" in sight.ids:
            sight = person.sign_in(sight)
        if "consent-allow" in sight.ids:
            sight = person.submit(sight, "consent-allow")
        return self.response_of(sight, parameters)

    def response_of(self, sight: Sight, parameters: dict[str, str]) -> Response:
        """Read the response that a browser is about to bring."""
        if sight.status == 303:
            parts = urlsplit(sight.url)
            place, text = ("fragment", parts.fragment) if parts.fragment else ("query", parts.query)
            found = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
        else:
            (form,) = sight.forms
            assert form.action == parameters["redirect_uri"]
            place, found = "form", form.hidden
        assert found["state"] == parameters["state"]
        assert found["iss"] == self.provider.issuer
        return Response(place, found, parameters.get("nonce"))

    def signed_in(self, person: Person, **changes: str | None) -> tuple[Response, dict[str, Any]]:
        """Return the response, judged as a client must, and the claims of the ID Token that came first."""
        response = self.asked(person, **changes)
        found = response.members
        assert "error" not in found, found
        assert set(self.response_type.split()) == {kind for kind, name in _MEMBERS.items() if name in found}, (
            "exactly what was asked for"
        )
        assert "refresh_token" not in found
        if "id_token" not in found:
            tokens = self.tokens(response)
            return replace(response, tokens=tokens), self.claims_of(tokens["id_token"], response.nonce)
        claims = self.claims_of(found["id_token"], response.nonce)
        for name, member in (("c_hash", "code"), ("at_hash", "access_token")):
            if member in found:
                assert claims[name] == _half(found[member]), name
        return response, claims

    def tokens(self, response: Response, **changes: str) -> dict[str, Any]:
        """Redeem the code; the answer is judged."""
        answer = self.redeemed(response, **changes)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"].startswith("application/json")
        tokens = dict(answer.json())
        assert tokens["token_type"] == "Bearer"
        return tokens

    def redeemed(self, response: Response, **changes: str) -> httpx2.Response:
        """Send the code to the token endpoint, by HTTP Basic."""
        form = {"grant_type": "authorization_code", "code": response.members["code"], "redirect_uri": CALLBACK}
        return self.provider.post("/token", form | changes, self.basic)

    @property
    def basic(self) -> tuple[str, str]:
        """The client's id and secret."""
        return self.client["client_id"], self.client["client_secret"]

    def claims_of(self, id_token: str, nonce: str | None) -> dict[str, Any]:
        """Verify an ID Token by a library that is not ours (OpenID Connect Core, 3.1.3.7)."""
        header = jws.extract_compact(id_token.encode()).protected
        algorithm = self.client.get("id_token_signed_response_alg", "RS256")
        assert header["alg"] == algorithm
        assert "kid" in header
        claims = self.verified(id_token, algorithm)
        now = time.time()
        assert (claims["iss"], claims["aud"]) == (self.provider.issuer, self.client["client_id"])
        assert claims["exp"] > now > claims["iat"] - 5
        assert claims.get("nonce") == nonce
        assert isinstance(claims["sub"], str)
        assert 0 < len(claims["sub"]) <= 255
        return claims

    def verified(self, token: str, algorithm: str) -> dict[str, Any]:
        """Return the claims of a token that the provider signed."""
        keys = jwk.KeySet.import_key_set(self.provider.get("/jwks.json").json())
        return dict(outside_jwt.decode(token, keys, algorithms=[algorithm]).claims)

    def access_token(self, response: Response) -> str:
        """Return the access token of a response, redeemed where it has none itself."""
        if "access_token" in response.members:
            return response.members["access_token"]
        return str((response.tokens or self.tokens(response))["access_token"])

    def request_object(self, parameters: dict[str, str]) -> str:
        """Sign a request object with the registered key."""
        header = {"alg": "RS256", "kid": "suite-key"}
        claims = parameters | {"iss": self.client["client_id"], "aud": self.provider.issuer}
        return outside_jwt.encode(header, claims, self.key, algorithms=["RS256"])


_MEMBERS = {"code": "code", "id_token": "id_token", "token": "access_token"}


def _half(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
