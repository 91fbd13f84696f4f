"""What a configuration file can declare: the rows of its tenants, clients, end-users and resource servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.model import (
    AccessTokenFormat,
    ApplicationType,
    AuthenticationMethod,
    ConsentMode,
    ExchangeKind,
    ExchangeRule,
    PasswordHash,
)
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.trusted_issuer import LONGEST_LIFETIME, SubjectMatch
from valetkey.oauth.types import ClientId, Scope, Seconds, SecretText
from valetkey.settings import kinds
from valetkey.settings.kinds import Kind
from valetkey.settings.openid_table import OPENID_ROWS
from valetkey.settings.resource_table import RESOURCES
from valetkey.settings.secrets import client_secret, initial_password
from valetkey.settings.setting import REQUIRED, DeclarationTable, FromFile, Setting
from valetkey.settings.tenant_table import DISABLED, TENANT, TENANTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.declaration import DeclaredSecret
    from valetkey.jose import JwkSet


_EXCHANGE_EXPECTED: Final = "client, resources and kind (delegation or impersonation)"


def _read_exchange(found: object) -> ExchangeRule:
    if not isinstance(found, dict) or not found.keys() <= {"client", "resources", "kind"}:
        raise ValueError(_EXCHANGE_EXPECTED)
    client, resources = found.get("client"), found.get("resources")
    kind = found.get("kind", ExchangeKind.DELEGATION.value)
    if not isinstance(client, str) or not isinstance(resources, list) or kind not in list(ExchangeKind):
        raise ValueError(_EXCHANGE_EXPECTED)
    if not all(isinstance(each, str) for each in resources):
        raise ValueError(_EXCHANGE_EXPECTED)
    return ExchangeRule(ClientId(client), tuple(resources), ExchangeKind(kind))


# --- clients -----------------------------------------------------------------------------------------------

CLIENT_ID: Final[Setting[str]] = Setting(
    "client_id", kinds.text(), REQUIRED, "What the client calls itself in every request.", '"shop"'
)
CLIENT_NAME: Final[Setting[str | None]] = Setting(
    "name", kinds.text(), None, "What the consent page calls it; its client_id where absent.", '"Example Shop"'
)
AUTHENTICATION_METHOD: Final[Setting[AuthenticationMethod]] = Setting(
    "authentication_method",
    kinds.member_of(AuthenticationMethod),
    AuthenticationMethod.CLIENT_SECRET_BASIC,
    "How it authenticates at the token endpoint; `none` for what cannot keep a secret.",
    '"client_secret_basic"',
)
SECRET: Final[Setting[tuple[DeclaredSecret, ...]]] = Setting(
    "secret",
    Kind("the secret's digest sha256:<64 hex digits>", client_secret),
    (),
    "Its secret, of at least 32 characters: in a file of its own, in the environment, or as the digest "
    "sha256:<hex>. During a change of secrets a list of digests keeps both alive; with its end, one is written "
    '{ digest = "sha256:...", expires_at = 2027-01-31T00:00:00Z }. Client_secret_jwt needs the secret itself.',
    '"shop.secret"',
    FromFile.SECRET,
)
JWKS: Final[Setting[JwkSet | None]] = Setting(
    "jwks",
    kinds.PUBLIC_KEYS,
    None,
    "Its public keys, for private_key_jwt and for what is encrypted for it, as a JWK Set: in a JSON file, or as a "
    "table.",
    '"shop.jwks.json"',
    FromFile.PUBLIC,
)
JWKS_URI: Final[Setting[str | None]] = Setting(
    "jwks_uri",
    kinds.text("an https URL"),
    None,
    "Where it publishes its public keys for private_key_jwt, instead of jwks: they are fetched when it "
    "authenticates, kept for as long as that address says, and fetched again when it signs with a new one.",
    '"https://shop.example.com/jwks.json"',
)
GRANT_TYPES: Final[Setting[tuple[str, ...]]] = Setting(
    "grant_types",
    kinds.texts("a list of grant types"),
    ("authorization_code",),
    "The grant types that it may use.",
    '["authorization_code", "refresh_token"]',
)
REDIRECT_URIS: Final[Setting[tuple[str, ...]]] = Setting(
    "redirect_uris",
    kinds.texts("a list of URIs"),
    (),
    "Where browsers may be sent back to, compared exactly; a native client's loopback URI takes any port.",
    '["https://shop.example.com/callback"]',
)
POST_LOGOUT_REDIRECT_URIS: Final[Setting[tuple[str, ...]]] = Setting(
    "post_logout_redirect_uris",
    kinds.texts("a list of URIs"),
    (),
    "Where browsers may be sent after a logout that it asked for.",
    '["https://shop.example.com/"]',
)
CLIENT_SCOPE: Final[Setting[Scope]] = Setting(
    "scope", kinds.SCOPE, REQUIRED, "All scopes that it may ask for.", '"openid profile email orders:read"'
)
CLIENT_RESOURCES: Final[Setting[tuple[str, ...]]] = Setting(
    "resources",
    kinds.texts("a list of resource identifiers"),
    (),
    "The resource servers that it may ask for, the first by default; any of the tenant where absent.",
    '["https://api.example.com"]',
)
APPLICATION_TYPE: Final[Setting[ApplicationType]] = Setting(
    "application_type",
    kinds.member_of(ApplicationType),
    ApplicationType.WEB,
    "Decides which redirect URIs it may have: `native` is for what runs on a person's device.",
    '"native"',
)
CONSENT: Final[Setting[ConsentMode]] = Setting(
    "consent",
    kinds.member_of(ConsentMode),
    ConsentMode.REMEMBER,
    "Whether end-users are asked every time, once, or never because the client is your own.",
    '"first_party"',
)
CLIENT_PROFILE: Final[Setting[str | None]] = Setting(
    "profile", kinds.choice(PROFILES), None, "A policy profile of its own; its tenant's where absent.", '"OPENID"'
)
ID_TOKEN_ALGORITHM: Final[Setting[str]] = Setting(
    "id_token_signed_response_alg",
    kinds.text("a signature algorithm"),
    "RS256",
    "The algorithm of its ID Tokens.",
    '"ES256"',
)
INTROSPECTION_ALGORITHM: Final[Setting[str]] = Setting(
    "introspection_signed_response_alg",
    kinds.text("a signature algorithm"),
    "RS256",
    "The algorithm of the signed answers that it asks the introspection endpoint for (RFC 9701).",
    '"ES256"',
)
AUTHENTICATION_ALGORITHM: Final[Setting[str | None]] = Setting(
    "token_endpoint_auth_signing_alg",
    kinds.text("a signature algorithm"),
    None,
    "The one algorithm of its client assertions; every algorithm of its authentication method where absent.",
    '"ES256"',
)
CLIENT_TOKEN_FORMAT: Final[Setting[AccessTokenFormat | None]] = Setting(
    "access_token_format",
    kinds.member_of(AccessTokenFormat),
    None,
    "How all its access tokens are written, whatever their resources say: `jwt` (verified locally) or `opaque` "
    "(explained by introspection, dead the moment they are revoked).",
    '"opaque"',
)
TOKEN_EXCHANGE: Final[Setting[tuple[ExchangeRule, ...]]] = Setting(
    "token_exchange",
    kinds.list_of(Kind(_EXCHANGE_EXPECTED, _read_exchange), f"a list of tables: {_EXCHANGE_EXPECTED}"),
    (),
    "Whose access tokens it may exchange for its own, and for which resource servers, the first by default. The "
    "new token names it as the actor (`delegation`), or nobody (`impersonation`).",
    '[{ client = "shop", resources = ["https://api.example.com"], kind = "delegation" }]',
)
ATTRIBUTES: Final[Setting[Mapping[str, object]]] = Setting(
    "attributes",
    kinds.TABLE,
    {},
    "What you keep of it, for the claims that resource servers want in their tokens.",
    '{ tier = "gold" }',
)
CLIENTS: Final = DeclarationTable(
    "clients",
    CLIENT_ID,
    (
        CLIENT_ID, TENANT, CLIENT_NAME, AUTHENTICATION_METHOD, SECRET, JWKS, JWKS_URI, GRANT_TYPES, REDIRECT_URIS,
        POST_LOGOUT_REDIRECT_URIS, CLIENT_SCOPE, CLIENT_RESOURCES, APPLICATION_TYPE, CONSENT, CLIENT_PROFILE,
        ID_TOKEN_ALGORITHM, INTROSPECTION_ALGORITHM, AUTHENTICATION_ALGORITHM, CLIENT_TOKEN_FORMAT,
        *OPENID_ROWS, TOKEN_EXCHANGE, ATTRIBUTES, DISABLED,
    ),
    "Software that gets tokens.",
)  # fmt: skip

# --- end-users ---------------------------------------------------------------------------------------------

USERNAME: Final[Setting[str]] = Setting(
    "username", kinds.text(), REQUIRED, "What the end-user types to sign in; case does not matter.", '"ada"'
)
INITIAL_PASSWORD: Final[Setting[SecretText | PasswordHash | None]] = Setting(
    "initial_password",
    Kind("a password or its $argon2id$ hash", initial_password),
    None,
    "The password that a new end-user starts with, or its $argon2id$ hash. It never resets a password that was "
    "changed. In the file itself it is accepted only where other users cannot read the file.",
    '"ada.password"',
    FromFile.SECRET,
)
USER_NAME: Final[Setting[str | None]] = Setting("name", kinds.text(), None, "The full name.", '"Ada Lovelace"')
EMAIL: Final[Setting[str | None]] = Setting("email", kinds.text(), None, "The address.", '"ada@example.com"')
EMAIL_VERIFIED: Final[Setting[bool]] = Setting(
    "email_verified", kinds.FLAG, False, "Whether the address is known to be theirs.", "true"
)
ROLES: Final[Setting[tuple[str, ...]]] = Setting(
    "roles", kinds.texts("a list of roles"), (), "Their roles; `admin` may use the admin pages.", '["admin"]'
)
CLAIMS: Final[Setting[Mapping[str, object]]] = Setting(
    "claims", kinds.TABLE, {}, "Further OpenID Connect claims about them.", '{ locale = "en-GB" }'
)
USERS: Final = DeclarationTable(
    "users",
    USERNAME,
    (USERNAME, TENANT, INITIAL_PASSWORD, USER_NAME, EMAIL, EMAIL_VERIFIED, ROLES, CLAIMS, DISABLED),
    "A person who signs in.",
)

# --- trusted issuers ---------------------------------------------------------------------------------------

ISSUER: Final[Setting[str]] = Setting(
    "issuer",
    kinds.text(),
    REQUIRED,
    "What its assertions carry as `iss`, compared exactly.",
    '"https://idp.example.com"',
)
ISSUER_CLIENTS: Final[Setting[tuple[str, ...]]] = Setting(
    "clients",
    kinds.texts("a list of client_ids"),
    REQUIRED,
    "The clients that may present its assertions.",
    '["importer"]',
)
ISSUER_SCOPE: Final[Setting[Scope]] = Setting(
    "scope", kinds.SCOPE, REQUIRED, "The most that a token may have that its assertions buy.", '"orders:read"'
)
ISSUER_JWKS_URI: Final[Setting[str | None]] = Setting(
    "jwks_uri",
    kinds.text("an https URL"),
    None,
    "Where it publishes its keys, instead of jwks.",
    '"https://idp.example.com/jwks.json"',
)
ALGORITHMS: Final[Setting[tuple[str, ...]]] = Setting(
    "algorithms",
    kinds.texts("a list of signature algorithms"),
    ("RS256", "ES256"),
    "The algorithms by which it signs.",
    '["ES256"]',
)
SUBJECT_CLAIM: Final[Setting[str]] = Setting(
    "subject_claim", kinds.text(), "sub", "The claim that says who is meant.", '"email"'
)
SUBJECT_MATCH: Final[Setting[SubjectMatch]] = Setting(
    "subject_match",
    kinds.member_of(SubjectMatch),
    SubjectMatch.LISTED,
    "What that claim is compared with: `listed` (the table `subjects`), `subject`, `username`, or `email`, which "
    "both sides must have verified.",
    '"listed"',
)
SUBJECTS: Final[Setting[Mapping[str, str]]] = Setting(
    "subjects",
    kinds.WORDS,
    {},
    "The user name that each value of the claim means.",
    '{ "248289761001" = "ada" }',
)
ASSERTION_LIFETIME: Final[Setting[Seconds]] = Setting(
    "assertion_lifetime",
    kinds.seconds(1, LONGEST_LIFETIME),
    Seconds(300),
    "How many seconds an assertion may still live when it is presented.",
    "60",
)
TRUSTED_ISSUERS: Final = DeclarationTable(
    "trusted_issuers",
    ISSUER,
    (
        ISSUER, TENANT, ISSUER_CLIENTS, ISSUER_SCOPE, JWKS, ISSUER_JWKS_URI, ALGORITHMS, SUBJECT_CLAIM,
        SUBJECT_MATCH, SUBJECTS, ASSERTION_LIFETIME, DISABLED,
    ),
    "An issuer elsewhere whose assertions buy tokens for end-users of yours (RFC 7523).",
)  # fmt: skip

DECLARATIONS: Final = (TENANTS, CLIENTS, USERS, RESOURCES, TRUSTED_ISSUERS)
"""Everything that can be declared, in the order of the reference page."""
