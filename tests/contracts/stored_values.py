"""Values that the contract of the storages is told with: an end-user, a client, and all that hangs off them."""

from dataclasses import replace
from hashlib import sha256

from valetkey.authorization_server.api_key import ApiKey, ApiKeySecret, KeyRequest, OwnerKind, kept_until
from valetkey.authorization_server.claims_request import ClaimsRequest, RequestedClaim
from valetkey.authorization_server.decision import (
    AddRefreshToken,
    Change,
    GrantAuthorization,
    OpenBrowser,
    OpenInteraction,
    PutClient,
    PutEndUser,
    StartSession,
)
from valetkey.authorization_server.device.codes import DeviceCode, Polling
from valetkey.authorization_server.known_access_tokens import OpaqueAccessToken
from valetkey.authorization_server.model import (
    AccessTokenFormat,
    Authentication,
    AuthenticationMethod,
    Authorization,
    AuthorizationCode,
    Browser,
    BrowserId,
    Client,
    ClientSecret,
    Confirmation,
    Consent,
    EndUser,
    ExchangeKind,
    ExchangeRule,
    Generations,
    Interaction,
    KeptReply,
    KeyState,
    PasswordHash,
    RefreshToken,
    RegistrationMode,
    Resource,
    SelfRegistration,
    Session,
    SigningKey,
    Tenant,
)
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType
from valetkey.authorization_server.second_factor import OneTimeCodeFactor
from valetkey.authorization_server.self_registration.changes import RegistrationToken
from valetkey.authorization_server.signals.streams import Delivery, Stream, StreamId
from valetkey.authorization_server.trusted_issuer import SubjectMatch, TrustedIssuer
from valetkey.oauth.security_event import ACCOUNT_DISABLED, CREDENTIAL_CHANGE, SESSION_REVOKED
from valetkey.oauth.shared_signals import ACCOUNT_ENABLED, DeliveryMethod
from valetkey.oauth.types import (
    AuthorizationId,
    ClientId,
    GrantType,
    NumericDate,
    Scope,
    Seconds,
    SecretDigest,
    SessionId,
    Subject,
    TenantId,
    TokenDigest,
)

TENANT = TenantId("default")
OTHER_TENANT = TenantId("other")
NOW = NumericDate(1_800_000_000)
SUBJECT = Subject("alice")
CLIENT_ID = ClientId("web")
AUTHENTICATION = Authentication(NOW, "urn:example:acr:password", ("pwd", "otp"))


def later(seconds: int) -> NumericDate:
    return NumericDate(NOW + seconds)


def digest(text: str) -> TokenDigest:
    return TokenDigest(sha256(text.encode()).digest())


END_USER = EndUser(
    subject=SUBJECT,
    username="Alice",
    password_hash=PasswordHash("$argon2id$1"),
    updated_at=NOW,
    name="Alice Liddell",
    email="alice@example.com",
    email_verified=True,
    roles=frozenset({"admin", "auditor"}),
    claims={"locale": "de", "address": {"country": "DE"}, "zoneinfo": "Europe/Berlin"},
)
FACTOR = OneTimeCodeFactor("factor-1", SUBJECT, b"sealed\x00", NOW)
CLIENT = Client(
    client_id=CLIENT_ID,
    name="Demo",
    authentication_method=AuthenticationMethod.CLIENT_SECRET_BASIC,
    grant_types=frozenset({GrantType("authorization_code"), GrantType("refresh_token")}),
    redirect_uris=("https://app.example/cb", "https://app.example/other"),
    post_logout_redirect_uris=("https://app.example/",),
    secrets=(),
    scope=Scope.of(("openid", "read")),
    resources=("https://api.example",),
    profile="OPENID",
    access_token_format=AccessTokenFormat.OPAQUE,
    authentication_signing_alg="ES256",
    token_exchange=(ExchangeRule(ClientId("other"), ("https://api.example",), ExchangeKind.IMPERSONATION),),
    openid=OpenIdMetadata(
        response_types=("code", "code id_token"),
        subject_type=SubjectType.PAIRWISE,
        default_max_age=600,
        backchannel_logout_uri="https://app.example/logout",
        pages={"policy_uri": "https://app.example/privacy"},
    ),
)
SECRET = ClientSecret("first", SecretDigest(b"\x01" * 32), NOW, later(60), b"sealed\x00")
REGISTRATION = SelfRegistration(
    NOW,
    digest("vk_rat_"),
    "token",
    Scope.of(("openid", "read")),
    frozenset({GrantType("authorization_code")}),
    {"client_uri": "https://app.example/", "contacts": ["ops@app.example"], "client_name#de": "Vorschau"},
)
SELF_REGISTERED = replace(CLIENT, client_id=ClientId("stranger"), registration=REGISTRATION)
REGISTRATION_TOKEN = RegistrationToken(
    "token",
    digest("vk_iat_"),
    NOW,
    later(400),
    2,
    Scope.of(("read", "write")),
    frozenset({GrantType("client_credentials")}),
)
RESOURCE = Resource(
    "https://api.example",
    "API",
    {"read": "Read your notes"},
    Seconds(60),
    AccessTokenFormat.OPAQUE,
    (ClientId("api"), ClientId("gateway")),
)
TRUSTED = TrustedIssuer(
    "https://idp.example",
    (CLIENT_ID, ClientId("gateway")),
    Scope.of(("read", "write")),
    jwks_uri="https://idp.example/keys",
    algorithms=("ES256",),
    subject_claim="email",
    subject_match=SubjectMatch.LISTED,
    subjects={"a@example.com": "Alice"},
    assertion_lifetime=Seconds(60),
)
KEY = SigningKey("k1", "ES256", '{"kty":"EC"}', b"sealed\x00", KeyState.ACTIVE, NOW)
ACME = Tenant(
    TenantId("acme"),
    "Acme",
    "OAUTH_2_1",
    accent="#102030",
    registration=RegistrationMode.TOKEN,
    registration_scope=Scope(("read",)),
)

BROWSER = Browser(BrowserId("browser"), digest("handle"), b"\x02" * 32, NOW, later(1000))
SESSION = Session(SessionId("sid"), BROWSER.browser_id, SUBJECT, AUTHENTICATION, Generations(), NOW, NOW)
INTERACTION = Interaction(
    digest=digest("interaction"),
    browser_id=BROWSER.browser_id,
    client_id=CLIENT_ID,
    parameters=(("client_id", "web"), ("scope", "openid"), ("resource", "a"), ("resource", "b")),
    created_at=NOW,
    expires_at=later(900),
)
CONSENT = Consent(
    SUBJECT, CLIENT_ID, Scope.of(("read",)), ("https://api.example",), NOW, later(500), frozenset({"birthdate"})
)
AUTHORIZATION = Authorization(
    authorization_id=AuthorizationId("authorization"),
    client_id=CLIENT_ID,
    subject=SUBJECT,
    scope=Scope.of(("openid", "read")),
    resources=("https://api.example", "https://a.example"),
    authentication=AUTHENTICATION,
    generations=Generations(),
    created_at=NOW,
    expires_at=later(400),
    sid=SESSION.sid,
    bound_to_session=True,
    nonce="n-0S6",
    confirmation=Confirmation("jkt", "thumb"),
    claims=ClaimsRequest(
        (RequestedClaim("birthdate", is_essential=True, values=("1815-12-10", None, 1.5)),),
        (RequestedClaim("birthdate"),),
        ("de-CH", "de"),
    ),
)
CODE = AuthorizationCode(
    digest=digest("code"),
    authorization_id=AUTHORIZATION.authorization_id,
    client_id=CLIENT_ID,
    redirect_uri="https://app.example/cb",
    redirect_uri_was_sent=True,
    code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    created_at=NOW,
    expires_at=later(60),
    confirmation=Confirmation("jkt", "thumb"),
)
REFRESH_TOKEN = RefreshToken(
    digest=digest("refresh"),
    authorization_id=AUTHORIZATION.authorization_id,
    client_id=CLIENT_ID,
    created_at=NOW,
    expires_at=later(300),
    confirmation=Confirmation("x5t#S256", "thumb"),
)
SUCCESSOR = replace(REFRESH_TOKEN, digest=digest("successor"), confirmation=None)
ACCESS_TOKEN = OpaqueAccessToken(
    digest("access"), {"sub": "alice", "aud": ["https://api.example"], "gen": [0, 0, 1, 0]}, later(70)
)
DEVICE_CODE = DeviceCode(
    digest=digest("device"),
    user_code_digest=digest("WDJBMJHT"),
    client_id=CLIENT_ID,
    scope=Scope.of(("openid", "read")),
    resources=("https://api.example", "https://a.example"),
    generations=Generations(),
    created_at=NOW,
    expires_at=later(60),
    polling=Polling(Seconds(5)),
)
STREAM = Stream(
    StreamId("stream"),
    CLIENT_ID,
    Delivery(DeliveryMethod.PUSH, "https://receiver.example/events", b"sealed header\x00"),
    (SESSION_REVOKED, CREDENTIAL_CHANGE, ACCOUNT_DISABLED, ACCOUNT_ENABLED, "urn:example:unknown"),
    NOW,
    description="Receiver A",
)
API_SECRET = ApiKeySecret(digest("api key"), "vk_ak_AbCdEf", NOW)
API_KEY = ApiKey(
    "ak_key",
    OwnerKind.CLIENT,
    CLIENT_ID,
    "nightly export",
    Scope.of(("read", "write")),
    ("https://b.example", "https://a.example"),
    NOW,
    later(400),
    (API_SECRET,),
    limit="100/1m",
    kept_until=kept_until(later(400)),
    request=KeyRequest(digest("asked"), digest("content")),
)
API_KEY_OF_USER = replace(
    API_KEY,
    key_id="ak_other",
    owner_kind=OwnerKind.END_USER,
    owner=SUBJECT,
    scope=Scope(),
    limit=None,
    created_at=later(1),
    expires_at=None,
    kept_until=kept_until(None),
    secrets=(replace(API_SECRET, digest=digest("other api key")),),
    request=None,
)
KEPT = KeptReply(b"sealed reply", b"\x03" * 32, later(30))

GRANT = GrantAuthorization(AUTHORIZATION, CODE)
WORLD: tuple[Change, ...] = (
    PutClient(CLIENT),
    PutEndUser(END_USER),
    OpenBrowser(BROWSER),
    StartSession(SESSION),
    OpenInteraction(INTERACTION),
    GRANT,
    AddRefreshToken(REFRESH_TOKEN),
)
"""An end-user signed in and granted a client an authorization, with an unredeemed code and a refresh token."""
