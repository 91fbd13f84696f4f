"""Security event tokens of a transmitter that somebody else wrote: signed by a library that is not ours."""

from collections.abc import Mapping
from typing import Any

from joserfc import jwt as other_jwt
from joserfc.jwk import ECKey, RSAKey

from valetkey.jose import JwkSet, KeySourceUnavailable, VerifiedJwt, Verifier
from valetkey.oauth.access_token import AccessToken, PrincipalKind
from valetkey.oauth.security_event import SESSION_REVOKED
from valetkey.oauth.types import ClientId, NumericDate, Scope, SessionId, Subject

ISSUER = "https://idp.example.com/"
AUDIENCE = "https://sp.example.net/caep"
NOW = 1_800_000_000
KEY = ECKey.generate_key("P-256", {"kid": "1", "use": "sig", "alg": "ES256"})
FORGED = ECKey.generate_key("P-256", {"kid": "1", "use": "sig", "alg": "ES256"})
SUBJECT = {"format": "iss_sub", "iss": ISSUER, "sub": "248289761001"}


class PublishedKeys:
    """The keys that the transmitter publishes, at a time that tests set."""

    def __init__(self, *keys: ECKey | RSAKey, now: int = NOW) -> None:
        found = [key.as_dict(private=False) for key in keys or (KEY,)]
        self._keys = JwkSet.parse({"keys": found})
        self.is_down = False
        self._now = now

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Verify as a guard does."""
        if self.is_down:
            raise KeySourceUnavailable("down")
        return verifier.verify(token, self._keys, now=self._now if now is None else now)


def event_token(
    event_type: str = SESSION_REVOKED,
    subject: Mapping[str, Any] | None = None,
    *,
    event: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    key: ECKey | RSAKey | None = None,
    **claims: Any,
) -> str:
    """Return a token as another vendor's transmitter signs it; a claim that is None is left out."""
    said: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": NOW - 5,
        "jti": "756E69717565206964656E746966696572",
        "sub_id": SUBJECT if subject is None else subject,
        "events": {event_type: {"event_timestamp": NOW - 10} if event is None else event},
        **claims,
    }
    signed = {name: value for name, value in said.items() if value is not None}
    protected = {"alg": "ES256", "kid": "1", "typ": "secevent+jwt", **(header or {})}
    return other_jwt.encode(protected, signed, key or KEY)


def access_token(*, subject: str = "248289761001", issued_at: int = NOW - 60, **changes: Any) -> AccessToken:
    """Return what a verified access token of the transmitter's issuer says."""
    said: dict[str, Any] = {
        "issuer": ISSUER,
        "subject": Subject(subject),
        "client_id": ClientId("app"),
        "principal": PrincipalKind.END_USER,
        "audience": ("https://api.example",),
        "scope": Scope(),
        "issued_at": NumericDate(issued_at),
        "expires_at": NumericDate(issued_at + 3_600),
        "token_id": "jti-1",
        "sid": SessionId("sid-1"),
        "claims": {"email": "Foo@example.com"},
    }
    return AccessToken(**said | changes)
