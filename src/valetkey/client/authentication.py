"""How a client authenticates: not at all, by its secret, or by an assertion (RFC 6749, 2.3; RFC 7523, 2.2)."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote_plus

from valetkey.jose import Jwk, jwt
from valetkey.jose.jwk import signer_of
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import CLIENT_ASSERTION

if TYPE_CHECKING:
    from valetkey.client.flow import Moment

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS: Final = 60
"""For how long an assertion is good."""


@dataclass(frozen=True, slots=True, eq=False)
class Credentials:
    """What one request carries to say which client sends it: headers, and fields of the form."""

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    form: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def public(cls, client_id: str) -> Credentials:
        """Return those of a client without a secret: it names itself."""
        return cls(form=(("client_id", client_id),))

    @classmethod
    def basic(cls, client_id: str, secret: str) -> Credentials:
        """Return client_secret_basic; both parts are form-encoded first (RFC 6749, 2.3.1)."""
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        return cls(headers=(("authorization", "Basic " + b64encode(pair.encode()).decode()),))

    @classmethod
    def post(cls, client_id: str, secret: str) -> Credentials:
        """Return client_secret_post (RFC 6749, 2.3.1)."""
        return cls(form=(("client_id", client_id), ("client_secret", secret)))

    @classmethod
    def assertion(cls, client_id: str, assertion: str) -> Credentials:
        """Return a client assertion (RFC 7521, 4.2)."""
        form = (
            ("client_id", client_id),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        )
        return cls(form=form)


@dataclass(frozen=True, slots=True)
class NoAuthentication:
    """A public client: an app on a device or in a browser, which cannot keep a secret."""

    def credentials(self, client_id: str, issuer: str, moment: Moment) -> Credentials:
        """Return what names the client."""
        del issuer, moment
        return Credentials.public(client_id)


@dataclass(frozen=True, slots=True, eq=False)
class ClientSecretBasic:
    """The secret by HTTP Basic: what a registration means that names no method."""

    secret: str = field(repr=False)

    def credentials(self, client_id: str, issuer: str, moment: Moment) -> Credentials:
        """Return the header."""
        del issuer, moment
        return Credentials.basic(client_id, self.secret)


@dataclass(frozen=True, slots=True, eq=False)
class ClientSecretPost:
    """The secret as a field of the form, for servers that cannot do Basic."""

    secret: str = field(repr=False)

    def credentials(self, client_id: str, issuer: str, moment: Moment) -> Credentials:
        """Return the fields."""
        del issuer, moment
        return Credentials.post(client_id, self.secret)


@dataclass(frozen=True, slots=True, eq=False)
class ClientSecretJwt:
    """An assertion that is keyed by the secret, which never travels itself (OpenID Connect Core, 9).

    Raises InvalidKey for a secret that is too short for the algorithm.
    """

    secret: str = field(repr=False)
    algorithm: str = "HS256"
    _key: Jwk = field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = Jwk.from_secret(self.secret.encode(), algorithm=self.algorithm)
        # Without a kid: the server knows the key by the client, and a hash of a secret says too much of it.
        object.__setattr__(self, "_key", replace(key, kid=None))

    def credentials(self, client_id: str, issuer: str, moment: Moment) -> Credentials:
        """Return a new assertion for `issuer`."""
        return Credentials.assertion(client_id, signed_assertion(client_id, self._key, issuer, moment))


@dataclass(frozen=True, slots=True, eq=False)
class PrivateKeyJwt:
    """An assertion that is signed by a key of which the server knows only the public part (RFC 7523, 2.2).

    Raises ConfigurationError for a key that cannot sign.
    """

    key: Jwk

    def __post_init__(self) -> None:
        signer_of(self.key)

    def credentials(self, client_id: str, issuer: str, moment: Moment) -> Credentials:
        """Return a new assertion for `issuer`."""
        return Credentials.assertion(client_id, signed_assertion(client_id, self.key, issuer, moment))


ClientAuthentication: TypeAlias = (
    NoAuthentication | ClientSecretBasic | ClientSecretPost | ClientSecretJwt | PrivateKeyJwt
)


@dataclass(frozen=True, slots=True)
class Registration:
    """How the server knows this client: its `client_id`, and the one way in which it authenticates."""

    client_id: str
    authentication: ClientAuthentication = NoAuthentication()


def signed_assertion(client_id: str, key: Jwk, issuer: str, moment: Moment) -> str:
    """Return an assertion of the client for `issuer` alone: one audience, one use, a minute (RFC 7523, 3)."""
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "jti": urlsafe_b64encode(moment.entropy[:24]).decode(),
        "iat": moment.now,
        "exp": moment.now + ASSERTION_SECONDS,
    }
    return jwt.sign(claims, key, typ=CLIENT_ASSERTION.typ)
