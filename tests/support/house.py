"""A whole authorization server in memory: real stores, real keys, a clock that tests move, every endpoint."""

import functools
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from support.outside import Outside
from valetkey.adapters.asgi.faults import answer
from valetkey.adapters.client_documents import FetchedDocuments
from valetkey.adapters.event_feed import PublishedEvents
from valetkey.adapters.keys.client_secrets import SealedClientSecrets
from valetkey.adapters.keys.factor_keys import SealedOneTimeCodeKeys
from valetkey.adapters.keys.generation import generate_key
from valetkey.adapters.keys.pairwise_salt import SealedPairwiseSalt
from valetkey.adapters.keys.sealing import Sealer
from valetkey.adapters.keys.signer import LocalSigner
from valetkey.adapters.keys.stream_secrets import SealedHeaders
from valetkey.adapters.logos import FetchedLogos
from valetkey.adapters.passwords import Argon2Passwords, hash_octets
from valetkey.adapters.remote_keys import FetchedKeys
from valetkey.adapters.statuses import PublishedStatusLists, ReservedStatuses
from valetkey.adapters.storage.memory.storage import MemoryStorage, MemoryStores
from valetkey.adapters.stream_waiting import WaitingReceivers
from valetkey.administration.routes import CALLS
from valetkey.authorization_server.decision import (
    AddSigningKey,
    Change,
    GrantAuthorization,
    OpenBrowser,
    PutClient,
    PutEndUser,
    PutResource,
    PutTenant,
    StartSession,
)
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.model import (
    ApplicationType,
    Authentication,
    AuthenticationMethod,
    Authorization,
    AuthorizationCode,
    Browser,
    BrowserId,
    Client,
    ClientSecret,
    EndUser,
    PasswordHash,
    RegistrationMode,
    Resource,
    Session,
    SigningKey,
    Tenant,
)
from valetkey.authorization_server.pages import Page
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.routes import ROUTES, Route
from valetkey.authorization_server.service import AuthorizationServer
from valetkey.jose import Jwk, JwkSet, jwt
from valetkey.oauth.http import HttpRequest, HttpResponse
from valetkey.oauth.pkce import challenge_of
from valetkey.oauth.types import (
    DEFAULT_TENANT,
    AuthorizationId,
    ClientId,
    GrantType,
    Issuer,
    NumericDate,
    OpaqueToken,
    Scope,
    SecretDigest,
    SecretText,
    SessionId,
    Subject,
    TenantId,
    TokenDigest,
)

NOW = NumericDate(1_800_000_000)
ISSUER = Issuer("https://as.example")
PASSWORD = "correct horse battery staple"
SECRET = "vk_cs_" + "s" * 43
MAC_SECRET = "vk_cs_" + "m" * 86
VERIFIER = "v" * 43
API = "https://api.example/albums"
OTHER_API = "https://api.example/orders"
CODE_AND_REFRESH = frozenset({GrantType("authorization_code"), GrantType("refresh_token")})
MACHINE_GRANT = frozenset({GrantType("client_credentials")})
USER_SCOPE = Scope.parse("openid profile email offline_access albums.read albums.write orders.read")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SECRETS = (ClientSecret("1", SecretDigest(SecretText(SECRET).digest()), NOW),)
_SEALER = Sealer(b"k" * 32)

Answer = dict[str, Any]


@functools.cache
def client_key() -> Jwk:
    """Return the private key of the client `assertion`."""
    return Jwk.generate("ES256")


@functools.cache
def _signing_key(algorithm: str, tenant: TenantId) -> SigningKey:
    return generate_key(algorithm, tenant, _SEALER, NOW)


def own_key(algorithm: str) -> SigningKey:
    """Return a key of the default tenant, for AddSigningKey."""
    return _signing_key(algorithm, DEFAULT_TENANT)


@functools.cache
def _password_hash() -> PasswordHash:
    return hash_octets(PASSWORD.encode())


def clients() -> dict[str, Client]:
    """Return the seeded clients by their client_id."""
    secret, code = AuthenticationMethod.CLIENT_SECRET_BASIC, CODE_AND_REFRESH
    web = Client(
        ClientId("web"),
        "Photo Prints",
        secret,
        code,
        redirect_uris=("https://web.example/callback",),
        post_logout_redirect_uris=("https://web.example/bye",),
        secrets=_SECRETS,
        scope=USER_SCOPE,
        resources=(API, OTHER_API),
        id_token_signed_response_alg="ES256",
    )
    spa = replace(
        web,
        client_id=ClientId("spa"),
        name="Album Viewer",
        authentication_method=AuthenticationMethod.NONE,
        secrets=(),
        redirect_uris=("https://spa.example/callback",),
        post_logout_redirect_uris=("https://spa.example/",),
    )
    native = replace(
        spa,
        client_id=ClientId("native"),
        name="Album Desk",
        redirect_uris=("http://127.0.0.1/callback", "com.example.desk:/callback"),
        post_logout_redirect_uris=(),
        application_type=ApplicationType.NATIVE,
    )
    machine = Client(
        ClientId("machine"),
        "Nightly Export",
        secret,
        MACHINE_GRANT,
        secrets=_SECRETS,
        scope=Scope.parse("albums.read orders.read"),
        resources=(API, OTHER_API),
    )
    post = replace(
        machine, client_id=ClientId("post"), authentication_method=AuthenticationMethod.CLIENT_SECRET_POST
    )
    assertion = replace(
        machine,
        client_id=ClientId("assertion"),
        authentication_method=AuthenticationMethod.PRIVATE_KEY_JWT,
        secrets=(),
        jwks=JwkSet((client_key().public(),)),
        grant_types=MACHINE_GRANT | CODE_AND_REFRESH,
        redirect_uris=("https://assertion.example/callback",),
    )
    mac_secret = ClientSecret("1", SecretDigest(SecretText(MAC_SECRET).digest()), NOW)
    sealed = SealedClientSecrets(_SEALER, DEFAULT_TENANT).seal(ClientId("mac"), mac_secret, SecretText(MAC_SECRET))
    mac = replace(
        assertion,
        client_id=ClientId("mac"),
        authentication_method=AuthenticationMethod.CLIENT_SECRET_JWT,
        secrets=(sealed,),
        jwks=None,
        redirect_uris=("https://mac.example/callback",),
    )
    return {client.client_id: client for client in (web, spa, native, machine, post, assertion, mac)}


def end_users() -> dict[str, EndUser]:
    """Return the seeded end-users by their user name; all have PASSWORD."""
    alice = EndUser(
        Subject("sub-alice"),
        "alice",
        _password_hash(),
        NOW,
        name="Alice Example",
        email="alice@example.com",
        email_verified=True,
        claims={"given_name": "Alice", "locale": "en", "nickname": ""},
    )
    bob = EndUser(Subject("sub-bob"), "bob", _password_hash(), NOW, roles=frozenset({"admin"}))
    return {"alice": alice, "bob": bob}


def resources() -> tuple[Resource, ...]:
    """Return the seeded resource servers."""
    return (
        Resource(API, "Albums", {"albums.read": "See your albums", "albums.write": "Change your albums"}),
        Resource(OTHER_API, "Orders", {"orders.read": "See your orders"}),
    )


@dataclass
class HouseClock:
    """A FreshSource whose time tests move, with a seed of its own for each request."""

    now: NumericDate = NOW
    drawn: int = 0

    def __call__(self) -> Fresh:
        self.drawn += 1
        return Fresh(self.now, self.drawn.to_bytes(64, "big"))

    def advance(self, seconds: int) -> None:
        """Let `seconds` pass."""
        self.now = NumericDate(self.now + seconds)


@dataclass
class HouseLog:
    """An EventLog that keeps what was written."""

    events: list[tuple[str, dict[str, str | int | None]]] = field(default_factory=list)

    def write(self, event: str, /, **fields: str | int | None) -> None:
        """Keep one event."""
        self.events.append((event, fields))

    def of(self, event: str) -> list[dict[str, str | int | None]]:
        """Return the fields of every event of that name."""
        return [fields for name, fields in self.events if name == event]


class _Inline(Executor):
    """Signs on the spot: the tests of the core wait for nothing."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass
class House:
    """One tenant's server over memory stores; `send` reaches every endpoint of the matrix."""

    server: AuthorizationServer
    stores: MemoryStores
    clock: HouseClock
    log: HouseLog
    outside: Outside

    async def commit(self, *changes: Change) -> None:
        """Commit, and fail the test when that is lost."""
        assert await self.stores.commit(changes)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str | Iterable[str]] | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse | Page:
        """Send one request; errors become what the HTTP adapter makes of them."""
        route = route_of(path)
        assert method in route.methods
        body = form if isinstance(form, bytes) else encode_form(form)
        request = HttpRequest(
            method,
            path,
            urlencode(query or {}).encode(),
            tuple((name.lower().encode(), value.encode()) for name, value in (headers or {}).items()),
            body,
            "203.0.113.7",
            "request-1",
        )
        try:
            return await route.endpoint(request, self.server)
        except Exception as fault:  # noqa: BLE001 - as the HTTP adapter does
            return answer(fault, route.face)

    async def post(
        self,
        path: str,
        form: Mapping[str, str | Iterable[str]] | bytes,
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """Post a form to an endpoint that speaks to machines."""
        response = await self.send("POST", path, form=form, headers=headers)
        assert isinstance(response, HttpResponse)
        return response

    async def speak(
        self, method: str, path: str, document: object = None, bearer: str | None = None
    ) -> HttpResponse:
        """Send a JSON document, or none, to an endpoint that speaks to machines."""
        body = b"" if document is None else msgspec.json.encode(document)
        headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        response = await self.send(method, path, form=body, headers=headers)
        assert isinstance(response, HttpResponse)
        return response

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """Get from an endpoint that speaks to machines."""
        response = await self.send("GET", path, headers=headers)
        assert isinstance(response, HttpResponse)
        return response

    async def token(
        self,
        client_id: str,
        form: Mapping[str, str | Iterable[str]],
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """Send a token request, authenticated as the client is registered to."""
        extra, further = self.credentials(client_id)
        return await self.post("/token", {**form, **extra}, {**further, **(headers or {})})

    def credentials(self, client_id: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the form fields and the headers with which a seeded client authenticates."""
        match clients()[client_id].authentication_method:
            case AuthenticationMethod.NONE:
                return {"client_id": client_id}, {}
            case AuthenticationMethod.CLIENT_SECRET_BASIC | AuthenticationMethod.CLIENT_SECRET_BASIC_OR_POST:
                return {}, basic(client_id, SECRET)
            case AuthenticationMethod.CLIENT_SECRET_POST:
                return {"client_id": client_id, "client_secret": SECRET}, {}
            case AuthenticationMethod.PRIVATE_KEY_JWT:
                return assertion_form(self.assertion()), {}
            case AuthenticationMethod.CLIENT_SECRET_JWT:
                return assertion_form(self.mac_assertion(client_id)), {}

    def assertion(self, changes: Mapping[str, object] | None = None, key: Jwk | None = None) -> str:
        """Return a new assertion of the client `assertion`."""
        claims: dict[str, object] = {
            "iss": "assertion",
            "sub": "assertion",
            "aud": self.server.issuer.url,
            "exp": self.clock.now + 60,
            "iat": self.clock.now,
            "jti": self.clock().identifier("assertion"),
        }
        return jwt.sign(claims | dict(changes or {}), key or client_key(), typ="JWT")

    def mac_assertion(
        self, client_id: str = "mac", secret: str = MAC_SECRET, algorithm: str = "HS256", **changes: object
    ) -> str:
        """Return a new assertion under a MAC by a client's secret."""
        key = Jwk.from_secret(secret.encode(), algorithm=algorithm)
        return self.assertion({"iss": client_id, "sub": client_id, **changes}, key)

    async def session(self, username: str = "alice", sid: str = "session-1") -> Session:
        """Start a session of an end-user in a new browser."""
        browser = BrowserId(f"browser of {sid}")
        digest = OpaqueToken.presented(browser).digest()
        subject = end_users()[username].subject
        session = Session(
            SessionId(sid),
            browser,
            subject,
            Authentication(self.clock.now, "urn:example:acr:password", ("pwd",)),
            await self.stores.end_users.generations(subject),
            self.clock.now,
            self.clock.now,
        )
        await self.commit(
            OpenBrowser(Browser(browser, digest, b"c" * 32, self.clock.now, NumericDate(self.clock.now + 10**8))),
            StartSession(session),
        )
        return session

    async def code(self, client_id: str = "web", **changes: Any) -> str:
        """Return a code as the authorization endpoint would have issued it; VERIFIER answers its challenge.

        `changes` replace fields of the Authorization or of the AuthorizationCode.
        """
        client = clients()[client_id]
        subject = changes.get("subject", end_users()["alice"].subject)
        fresh = self.clock()
        code = fresh.token("vk_ac_")
        now = self.clock.now
        authorization = Authorization(
            AuthorizationId(fresh.identifier("authorization")),
            client.client_id,
            subject,
            Scope.parse("openid profile email offline_access albums.read"),
            (API,),
            Authentication(NumericDate(now - 5), "urn:example:acr:password", ("pwd",)),
            await self.stores.authorizations.current(client.client_id, subject),
            now,
            NumericDate(now + 90 * 86_400),
            sid=None,
            bound_to_session=False,
            nonce="nonce-1",
        )
        row = AuthorizationCode(
            code.digest(),
            authorization.authorization_id,
            client.client_id,
            client.redirect_uris[0],
            redirect_uri_was_sent=True,
            code_challenge=challenge_of(VERIFIER),
            created_at=now,
            expires_at=NumericDate(now + 60),
        )
        of_code = {name: value for name, value in changes.items() if name in AuthorizationCode.__slots__}
        of_grant = {name: value for name, value in changes.items() if name not in of_code}
        await self.commit(
            GrantAuthorization(replace(authorization, **of_grant), replace(row, **of_code)),
        )
        return code.reveal()

    async def redeem(self, code: str, client_id: str = "web", **changes: str | None) -> HttpResponse:
        """Redeem a code as a good client does; `changes` replace parameters, None leaves one out."""
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": VERIFIER,
            "redirect_uri": clients()[client_id].redirect_uris[0],
        }
        merged = {name: value for name, value in (form | changes).items() if value is not None}
        return await self.token(client_id, merged)

    async def refresh(self, refresh_token: str, client_id: str = "web", **changes: str) -> HttpResponse:
        """Use a refresh token."""
        return await self.token(
            client_id, {"grant_type": "refresh_token", "refresh_token": refresh_token, **changes}
        )

    async def tokens(self, client_id: str = "web", **changes: Any) -> Answer:
        """Return the token response to a new code."""
        response = await self.redeem(await self.code(client_id, **changes), client_id)
        assert response.status == 200, response.body
        return document(response)

    async def bearer(self, access_token: str) -> HttpResponse:
        """Ask UserInfo with a token."""
        return await self.get("/userinfo", {"authorization": f"Bearer {access_token}"})


def route_of(path: str) -> Route:
    """Return the row of the matrix for a path, which may name one of the many in a folder."""
    rows = (*ROUTES, *CALLS)
    exact = (row for row in rows if row.path == path)
    return next(exact, None) or next(row for row in rows if _stands_for(row.path, path))


def _stands_for(pattern: str, path: str) -> bool:
    ours, asked = pattern.split("/"), path.split("/")
    is_alike = (one == other or one.startswith("{") for one, other in zip(ours, asked, strict=False))
    return "/{" in pattern and len(ours) == len(asked) and all(is_alike)


def assertion_form(assertion: str) -> dict[str, str]:
    """Return the form fields that carry a client assertion."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def document(response: HttpResponse) -> Answer:
    """Return the JSON object of a response."""
    return msgspec.json.decode(response.body, type=dict[str, Any])


def claims_of(token: str) -> Answer:
    """Return the claims of a JWT, unverified."""
    return dict(jwt.peek(token).claims)


def basic(client_id: str, secret: str) -> dict[str, str]:
    """Return the header of client_secret_basic."""
    joined = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return {"authorization": "Basic " + b64encode(joined.encode()).decode()}


def encode_form(form: Mapping[str, str | Iterable[str]]) -> bytes:
    """Return the body of a form; a list of values repeats the parameter."""
    pairs = [
        (name, value)
        for name, values in form.items()
        for value in ((values,) if isinstance(values, str) else values)
    ]
    return urlencode(pairs).encode()


def digest_of(token: str) -> TokenDigest:
    """Return what the stores keep of a token."""
    return OpaqueToken.presented(token).digest()


def segment(text: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(text).rstrip(b"=").decode()


async def build_house(
    *,
    profile: str = "OAUTH_2_1",
    issuer: Issuer = ISSUER,
    tenant_id: TenantId = DEFAULT_TENANT,
    registration: RegistrationMode | None = None,
    registration_scope: Scope | None = None,
    storage: MemoryStorage | None = None,
) -> House:
    """Return a server with the seeded clients, end-users and resource servers; tenants may share one storage."""
    stores = (storage or MemoryStorage()).stores(tenant_id)
    tenant = Tenant(tenant_id, "Example", profile, registration=registration, registration_scope=registration_scope)
    changes: list[Change] = [PutTenant(tenant)]
    changes += [PutResource(resource) for resource in resources()]
    changes += [PutClient(client) for client in clients().values()]
    changes += [PutEndUser(end_user) for end_user in end_users().values()]
    changes += [AddSigningKey(_signing_key(algorithm, tenant_id)) for algorithm in ("ES256", "RS256", "Ed25519")]
    assert await stores.commit(changes)
    clock, log, outside = HouseClock(), HouseLog(), Outside()
    signer = LocalSigner(stores.signing_keys, tenant_id, _SEALER, _Inline())
    server = AuthorizationServer(
        tenant=tenant,
        issuer=issuer,
        policy=PROFILES[profile],
        stores=stores,
        signer=signer,
        statuses=ReservedStatuses(stores),
        published_statuses=PublishedStatusLists(issuer, stores, signer, kept=0.0),
        event_feed=PublishedEvents(issuer, stores.security_events, signer, clock),
        stream_waiting=WaitingReceivers(stores.streams, lambda: None),
        passwords=Argon2Passwords(1),
        client_documents=FetchedDocuments(outside),
        outbound=outside,
        logos=FetchedLogos(outside, log),
        remote_keys=FetchedKeys(outside, log, clock=lambda: clock.now),
        sealed_secrets=SealedClientSecrets(_SEALER, tenant_id),
        sealed_factor_keys=SealedOneTimeCodeKeys(_SEALER, tenant_id),
        sealed_stream_secrets=SealedHeaders(_SEALER, tenant_id),
        pairwise_salt=SealedPairwiseSalt(stores, tenant_id, _SEALER, clock),
        fresh=clock,
        log=log,
    )
    return House(server, stores, clock, log, outside)
