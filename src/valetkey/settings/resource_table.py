"""What a configuration file can declare of a resource server (RFC 8707; RFC 9068)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.model import AccessTokenFormat
from valetkey.authorization_server.registration import ID_TOKEN_ALGORITHMS
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS
from valetkey.settings import kinds
from valetkey.settings.setting import REQUIRED, DeclarationTable, FromFile, Setting
from valetkey.settings.tenant_table import DISABLED, TENANT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.claim_rule import ClaimRule
    from valetkey.jose import JwkSet
    from valetkey.oauth.types import Seconds

IDENTIFIER: Final[Setting[str]] = Setting(
    "identifier",
    kinds.text("an absolute URI"),
    REQUIRED,
    "The absolute URI that clients name as `resource` and tokens carry as `aud`.",
    '"https://api.example.com"',
)
RESOURCE_NAME: Final[Setting[str | None]] = Setting(
    "name", kinds.text(), None, "What people call it; its identifier where absent.", '"Orders API"'
)
SCOPES: Final[Setting[Mapping[str, str]]] = Setting(
    "scopes",
    kinds.WORDS,
    {},
    "Its scopes, each with what it lets a client do, in words for the consent page.",
    '{ "orders:read" = "See your orders" }',
)
ACCESS_TOKEN_LIFETIME: Final[Setting[Seconds | None]] = Setting(
    "access_token_lifetime",
    kinds.seconds(1, 900),
    None,
    "How many seconds its access tokens live; the profile's lifetime where absent.",
    "120",
)
RESOURCE_TOKEN_FORMAT: Final[Setting[AccessTokenFormat]] = Setting(
    "access_token_format",
    kinds.member_of(AccessTokenFormat),
    AccessTokenFormat.JWT,
    "How its access tokens are written, unless their client says otherwise: `jwt` or `opaque`. A token for several "
    "resources is opaque as soon as one of them asks for that.",
    '"opaque"',
)
INTROSPECTION_CLIENT_IDS: Final[Setting[tuple[str, ...]]] = Setting(
    "introspection_client_ids",
    kinds.texts("a list of client_ids"),
    (),
    "The clients, with a secret or a key, that may introspect the tokens whose audience it is: as a rule one that "
    "stands for the API itself and has no grant types.",
    '["orders-api"]',
)
CLAIM_RULES: Final[Setting[tuple[ClaimRule, ...]]] = Setting(
    "claims",
    kinds.CLAIM_RULES,
    (),
    "Further claims of its tokens, each with the attribute it tells: the end-user's (`user.username`, `user.name`, "
    "`user.email`, `user.email_verified`, `user.roles`, `user.claims.NAME`), the client's (`client.name`, "
    "`client.attributes.NAME`) or the session (`session.sid`, `session.auth_time`, `session.acr`, `session.amr`); "
    "`for SCOPE` behind it tells it only in tokens with that scope.",
    '{ roles = "user.roles", email = "user.email for profile" }',
)
SIGNING_ALG: Final[Setting[str | None]] = Setting(
    "signing_alg",
    kinds.choice(ID_TOKEN_ALGORITHMS),
    None,
    "The algorithm that signs its JWT access tokens; ES256 where absent.",
    '"RS256"',
)
ENCRYPTION_JWKS: Final[Setting[JwkSet | None]] = Setting(
    "encryption_jwks",
    kinds.PUBLIC_KEYS,
    None,
    "The public key, with its `alg`, for which its JWT access tokens are encrypted after they are signed: a JWK "
    "Set of that one key, in a JSON file or as a table.",
    '"orders.jwks.json"',
    FromFile.PUBLIC,
)
ENCRYPTION_ENC: Final[Setting[str]] = Setting(
    "encryption_enc",
    kinds.choice(CONTENT_ENCRYPTIONS),
    "A256GCM",
    "The content encryption that goes with `encryption_jwks`.",
    '"A128CBC-HS256"',
)
RESOURCES: Final = DeclarationTable(
    "resources",
    IDENTIFIER,
    (
        IDENTIFIER, TENANT, RESOURCE_NAME, SCOPES, ACCESS_TOKEN_LIFETIME, RESOURCE_TOKEN_FORMAT,
        INTROSPECTION_CLIENT_IDS, CLAIM_RULES, SIGNING_ALG, ENCRYPTION_JWKS, ENCRYPTION_ENC, DISABLED,
    ),
    "An API that accepts tokens.",
)  # fmt: skip
