"""What every face is guarded with in tests: real signatures, and an issuer whose answers a test chooses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.issuer import ISSUER, NOW, HeldKeys, TestIssuer
from valetkey.oauth.access_token import AccessToken, CredentialKind, PrincipalKind
from valetkey.oauth.types import ClientId, NumericDate, Scope, Subject
from valetkey.resource_server import LimitBy, RateLimit
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.introspection import IntrospectionUnavailable
from valetkey.resource_server.memory_limiter import MemoryLimiter

if TYPE_CHECKING:
    from typing import TypeVar

    from valetkey.integrations.guarding import ApiGuard, GuardOptions, RuleOptions

    G = TypeVar("G", bound=ApiGuard)

RESOURCE = "https://api.example"
METADATA = f"{RESOURCE}/.well-known/oauth-protected-resource"
GOOD_KEY = "vk_ak_good"
PER_CLIENT = RateLimit.parse("per-client", "2/1h", by=frozenset({LimitBy.CLIENT}))
RULES: dict[str, tuple[tuple[str, ...], RuleOptions]] = {
    "/albums": (("albums.read",), {}),
    "/payments": (("payments",), {"acr": ["gold", "silver"], "max_age": 300}),
    "/limited": (("albums.read",), {"limits": [PER_CLIENT]}),
    "/staff": (("albums.read",), {"claims": {"department": ["staff", "board"]}}),
    "/people": (("albums.read",), {"credentials": [CredentialKind.ACCESS_TOKEN]}),
}
"""The routes of every face: what they ask for."""
OPEN = "/open"
"""The route of every face that asks for nothing, and knows who brings a token."""


@dataclass
class Signals:
    """Signals that tell of one dead token."""

    def judge(self, token: AccessToken) -> Verdict:
        return Verdict.REVOKED if token.token_id == "revoked" else Verdict.UNKNOWN


@dataclass
class KeyDesk:
    """The issuer as it explains API keys, or does not."""

    is_down: bool = False

    async def introspect(self, token: str) -> AccessToken | None:
        if self.is_down:
            raise IntrospectionUnavailable("the issuer does not answer")
        if token != GOOD_KEY:
            return None
        return AccessToken(
            issuer=ISSUER,
            subject=Subject("robot"),
            client_id=ClientId("robot"),
            principal=PrincipalKind.CLIENT,
            audience=(RESOURCE,),
            scope=Scope(["albums.read"]),
            issued_at=NumericDate(NOW),
            expires_at=NumericDate(NOW + 60),
            token_id="key-1",
            credential=CredentialKind.API_KEY,
        )

    introspect_anew = introspect


AS = TestIssuer()
"""One key pair for all tests of faces."""


@dataclass
class Stage:
    """The surroundings of one face."""

    keys: HeldKeys = field(default_factory=AS.source)
    desk: KeyDesk = field(default_factory=KeyDesk)

    def options(self) -> GuardOptions:
        """Return the options of its guard; nobody's clock runs in its limiter."""
        return {
            "keys": self.keys,
            "api_keys": self.desk,
            "limiter": MemoryLimiter(clock=lambda: 1_000_000),
            "signals": Signals(),
        }

    def guard(self, kind: type[G]) -> G:
        """Return a guard of that face."""
        return kind(ISSUER, RESOURCE, **self.options())


def bearer(scope: str = "albums.read", **changes: object) -> tuple[str, str]:
    """Return the header with a token that is good but for `changes`."""
    return "authorization", f"Bearer {AS.token({'aud': RESOURCE, 'scope': scope, **changes})}"


def seen(token: AccessToken | None) -> dict[str, str]:
    """Return what every route of every face answers."""
    return {"subject": "nobody"} if token is None else {"subject": token.subject, "kind": token.credential.value}
