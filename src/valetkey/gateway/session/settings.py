"""What the session layer of browsers is told: the table `[session]`, frozen, with every fault named at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from valetkey.oauth.types import Scope, SecretText

DEFAULT_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CLAIMS: Final = (
    "sub", "name", "given_name", "family_name", "preferred_username", "nickname", "email", "email_verified",
    "picture", "locale", "zoneinfo", "auth_time", "acr", "amr", "roles",
)  # fmt: skip
"""What the application in the browser learns of the ID Token, unless the table says otherwise."""
ABSOLUTE_TIMEOUT: Final = 12 * 3600
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Forward:
    """One row of the forwarding table: `/api/x` of our origin goes to `upstream` + `x`, and nowhere else.

    `prefix` begins and ends with a slash, `upstream` ends with one.
    """

    prefix: str
    upstream: str
    methods: tuple[str, ...] = DEFAULT_METHODS


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """The session layer of one origin, for one client of one issuer.

    `base_url` is the origin as browsers see it. `key` is secret, at least 32 octets, and the same in every process:
    from it come the keys that name subjects in the store and seal what a browser carries to the issuer and back.
    Timeouts are seconds, sizes octets.
    """

    issuer: str
    client_id: str
    client_secret: SecretText
    base_url: str
    key: bytes = field(repr=False)
    scope: Scope = Scope({"openid"})
    resource: str | None = None
    forwards: tuple[Forward, ...] = ()
    prefix: str = "/session"
    landing: str = "/"
    csrf_header: str = "x-csrf"
    csrf_value: str = "1"
    idle_timeout: int = 30 * 60
    absolute_timeout: int = ABSOLUTE_TIMEOUT
    claims: tuple[str, ...] = CLAIMS
    upstream_timeout: int = 30
    maximum_request: int = 10 * _MIB
    maximum_response: int = 256 * _MIB
    database: str | None = None

    @property
    def is_https(self) -> bool:
        """Whether browsers reach us over TLS."""
        return self.base_url.startswith("https:")

    @property
    def redirect_uri(self) -> str:
        """Where the issuer sends the answer to a sign-in: registered with the client."""
        return f"{self.base_url}{self.prefix}/callback"

    @property
    def post_logout_redirect_uri(self) -> str:
        """Where the issuer sends who signed out: registered with the client."""
        return f"{self.base_url}{self.landing}"

    @property
    def backchannel_logout_uri(self) -> str:
        """Where the issuer posts logout tokens: registered with the client."""
        return f"{self.base_url}{self.prefix}/backchannel_logout"

    @property
    def login_path(self) -> str:
        """Where a navigation signs in."""
        return f"{self.prefix}/login"


class SessionSettingsError(Exception):
    """The table cannot be used: `faults` are all that is wrong with it, a line each."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
