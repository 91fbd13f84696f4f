"""What a guard takes beside the tokens of one issuer, and how it tells them apart."""

import pytest

from support.asking import asking, bearing
from support.issuer import ISSUER, NOW, RESOURCE, TestIssuer
from valetkey.jose import Jwk, jwt
from valetkey.oauth.access_token import AccessToken, CredentialKind, PrincipalKind, access_token_from_claims
from valetkey.oauth.types import Scope
from valetkey.resource_server import (
    Allow,
    AllowAnonymous,
    BadRequest,
    Challenge,
    Decision,
    Forbid,
    FurtherSources,
    RequestView,
    ResourceServer,
    Rule,
    TrustedClient,
    TrustedClients,
    TrustedIssuer,
    Unavailable,
)
from valetkey.resource_server.introspection import IntrospectionUnavailable
from valetkey.resource_server.used_tokens import MemoryUsedTokens

pytestmark = pytest.mark.anyio

OTHER = "https://other.example"
ONE, TWO = TestIssuer(), TestIssuer()
READ = Rule.requiring("albums.read")
SECRET = Jwk.from_secret(b"a secret of the batch client: 32 octets and more", algorithm="HS256")
PRIVATE = Jwk.generate("ES256", kid="k")
KEY = "vk_ak_" + "k" * 43


class Explainer:
    """Says of one key what an issuer says of it; down, it says nothing."""

    def __init__(self, claims: dict[str, object] | None = None) -> None:
        self.asked: list[str] = []
        self.is_down = False
        self._claims = claims or {}

    async def introspect(self, token: str) -> AccessToken | None:
        self.asked.append(token)
        if self.is_down:
            raise IntrospectionUnavailable("the issuer cannot be asked")
        if token != KEY:
            return None
        claims = {
            "iss": ISSUER,
            "sub": "batch",
            "client_id": "batch",
            "aud": RESOURCE,
            "exp": NOW + 300,
            "iat": NOW,
            "jti": "key-1",
            "scope": "albums.read",
            "credential": "api_key",
        }
        return access_token_from_claims(claims | self._claims)

    introspect_anew = introspect


def _issuer(url: str, keys: TestIssuer) -> TrustedIssuer:
    return TrustedIssuer(issuer=url, resource=RESOURCE, keys=keys.source())


def _clients(used: MemoryUsedTokens | None = None) -> TrustedClients:
    known = (
        TrustedClient("batch", (SECRET,), Scope.parse("albums.read albums.list")),
        TrustedClient("robot", (PRIVATE.public(),), Scope.parse("albums.read")),
    )
    return TrustedClients(RESOURCE, known, used or MemoryUsedTokens(clock=lambda: NOW), clock=lambda: NOW)


def _server(keys: Explainer | None = None, used: MemoryUsedTokens | None = None) -> ResourceServer:
    further = FurtherSources(clients=_clients(used), api_keys=keys)
    return ResourceServer(RESOURCE, [_issuer(ISSUER, ONE), _issuer(OTHER, TWO)], further)


async def _decided(request: RequestView, rule: Rule = READ, server: ResourceServer | None = None) -> Decision:
    return await (server or _server()).decide(request, rule)


def _own(client_id: str, key: Jwk, **changes: object) -> str:
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": RESOURCE,
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "own-1",
        "scope": "albums.read",
    } | changes
    return jwt.sign({n: v for n, v in claims.items() if v is not None}, key, typ="client-token+jwt")


async def test_each_issuer_proves_its_own_tokens() -> None:
    for keys, url in ((ONE, ISSUER), (TWO, OTHER)):
        outcome = await _decided(bearing(keys.token({"iss": url})))
        assert isinstance(outcome, Allow)
        assert outcome.token.issuer == url


# covers: JWS-28
@pytest.mark.parametrize(
    "claimed", [OTHER, OTHER + "/", "https://OTHER.example", None, ["x"], "https://third.example"]
)
async def test_the_keys_of_one_issuer_never_prove_a_token_of_another(claimed: object) -> None:
    # Signed by the first issuer's key, and naming another.
    assert isinstance(await _decided(bearing(ONE.token({"iss": claimed}))), Challenge)


async def test_a_token_that_is_no_jwt_is_refused_by_a_guard_of_several_issuers() -> None:
    for odd in ("a.b.c", "a.b", "e30.e30.", "..", "vk_at_abc"):
        assert isinstance(await _decided(bearing(odd)), Challenge)


@pytest.mark.parametrize(("client_id", "key"), [("batch", SECRET), ("robot", PRIVATE)])
async def test_a_client_signs_a_token_of_its_own(client_id: str, key: Jwk) -> None:
    outcome = await _decided(bearing(_own(client_id, key)))
    assert isinstance(outcome, Allow)
    token = outcome.token
    assert (token.client_id, token.subject, token.principal) == (client_id, client_id, PrincipalKind.CLIENT)
    assert (token.credential, str(token.scope)) == (CredentialKind.CLIENT_JWT, "albums.read")


async def test_without_a_scope_the_token_carries_all_that_its_client_has() -> None:
    outcome = await _decided(bearing(_own("batch", SECRET, scope=None)))
    assert isinstance(outcome, Allow)
    assert str(outcome.token.scope) == "albums.list albums.read"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example"},
        {"sub": "robot"},
        {"exp": NOW - 1},
        {"exp": NOW + 301},
        {"iat": NOW - 301, "exp": NOW + 5},
        {"iat": None},
        {"jti": None},
        {"scope": "albums.read albums.write"},
        {"iss": "robot", "sub": "robot"},
    ],
)
async def test_a_token_of_a_client_that_is_not_as_it_should_be_is_refused(changes: dict[str, object]) -> None:
    assert isinstance(await _decided(bearing(_own("batch", SECRET, **changes))), Challenge)


async def test_the_token_of_a_client_counts_once() -> None:
    server = _server(used=MemoryUsedTokens(clock=lambda: NOW))
    token = _own("batch", SECRET)
    assert isinstance(await server.decide(bearing(token), READ), Allow)
    assert isinstance(await server.decide(bearing(token), READ), Challenge)
    # The same identifier of another client is another token.
    assert isinstance(await server.decide(bearing(_own("robot", PRIVATE)), READ), Allow)


async def test_a_token_of_another_kind_is_none_of_a_client() -> None:
    claims = {"iss": "batch", "sub": "batch", "aud": RESOURCE, "iat": NOW, "exp": NOW + 60, "jti": "1"}
    for typ in ("JWT", "at+jwt", "client-authentication+jwt"):
        assert isinstance(await _decided(bearing(jwt.sign(claims, SECRET, typ=typ))), Challenge)


async def test_what_cannot_be_remembered_is_not_accepted() -> None:
    used = MemoryUsedTokens(clock=lambda: NOW, most=1)
    server = _server(used=used)
    assert isinstance(await server.decide(bearing(_own("batch", SECRET, jti="1")), READ), Allow)
    assert isinstance(await server.decide(bearing(_own("batch", SECRET, jti="2")), READ), Unavailable)


async def test_a_used_token_is_forgotten_when_it_expired() -> None:
    now = NOW
    used = MemoryUsedTokens(clock=lambda: now, most=1)
    assert await used.burn("batch", "1", NOW + 60)
    now = NOW + 60
    assert await used.burn("batch", "2", NOW + 90)


def test_a_client_has_secrets_or_public_keys() -> None:
    with pytest.raises(ValueError, match="not both"):
        TrustedClient("batch", (SECRET, PRIVATE.public()))
    with pytest.raises(ValueError, match="same client_id"):
        TrustedClients(RESOURCE, [TrustedClient("a", (SECRET,))] * 2, MemoryUsedTokens())


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
async def test_an_api_key_is_explained_by_its_issuer(header: str) -> None:
    keys = Explainer()
    value = f"Bearer {KEY}" if header == "authorization" else KEY
    outcome = await _decided(RequestView(headers=[(header.encode(), value.encode())]), server=_server(keys))
    assert isinstance(outcome, Allow)
    assert (outcome.token.credential, outcome.token.token_id) == (CredentialKind.API_KEY, "key-1")
    assert keys.asked == [KEY]


async def test_an_api_key_is_held_against_the_rule_as_a_token_is() -> None:
    request = RequestView(headers=[(b"x-api-key", KEY.encode())])
    server = _server(Explainer())
    assert isinstance(await server.decide(request, Rule.requiring("albums.write")), Forbid)
    only_tokens = Rule(credentials=frozenset({CredentialKind.ACCESS_TOKEN}))
    assert isinstance(await server.decide(request, only_tokens), Forbid)
    elsewhere = _server(Explainer({"aud": "https://elsewhere.example"}))
    assert isinstance(await elsewhere.decide(request, READ), Challenge)


async def test_an_issuer_that_is_down_is_no_fault_of_the_key() -> None:
    keys = Explainer()
    keys.is_down = True
    request = RequestView(headers=[(b"x-api-key", KEY.encode())])
    assert isinstance(await _decided(request, server=_server(keys)), Unavailable)


# covers: GTW-01
@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-api-key", KEY.encode()), (b"x-api-key", KEY.encode())],
        [(b"x-api-key", KEY.encode()), (b"authorization", b"Bearer x")],
        [(b"x-api-key", b"")],
        [(b"x-api-key", b"secret")],
        [(b"x-api-key", b"vk_ak_" + b"a" * 600)],
        [(b"x-api-key", b"vk_ak_\xff")],
    ],
)
async def test_credentials_in_two_places_or_of_no_shape_are_a_bad_request(
    headers: list[tuple[bytes, bytes]],
) -> None:
    keys = Explainer()
    assert isinstance(await _decided(RequestView(headers=headers), server=_server(keys)), BadRequest)
    assert keys.asked == []


async def test_a_guard_that_takes_no_keys_does_not_look_at_their_header() -> None:
    request = RequestView(headers=[(b"x-api-key", KEY.encode())])
    outcome = await _decided(request)
    assert isinstance(outcome, Challenge)
    assert outcome.error is None


async def test_a_public_route_lets_nobody_in_with_bad_credentials() -> None:
    public = Rule(is_public=True)
    assert isinstance(await _decided(asking(), public), AllowAnonymous)
    assert isinstance(await _decided(asking("Basic dTpw"), public), AllowAnonymous)
    assert isinstance(await _decided(bearing("a.b.c"), public), Challenge)
    assert isinstance(await _decided(asking("Bearer a", "Bearer b"), public), BadRequest)
    assert isinstance(await _decided(bearing(ONE.token()), public), Allow)


@pytest.mark.parametrize(
    ("claims", "passes"),
    [
        ({"department": "sales"}, True),
        ({"department": ["support", "sales"]}, True),
        ({"department": "support"}, False),
        ({"department": None}, False),
        ({"department": {"sales": 1}}, False),
        ({}, False),
    ],
)
async def test_a_claim_is_one_of_the_values_or_holds_one(claims: dict[str, object], passes: bool) -> None:  # noqa: FBT001 - a column of the table
    outcome = await _decided(bearing(ONE.token(claims)), Rule(claims={"department": ["sales"]}))
    assert isinstance(outcome, Allow if passes else Forbid)


async def test_a_claim_inside_an_object_is_pointed_at() -> None:
    rule = Rule(claims={"/realm/tier~1level": [1]})
    for value, kind in ((1, Allow), (True, Forbid), ("1", Forbid), (1.0, Forbid)):
        outcome = await _decided(bearing(ONE.token({"realm": {"tier/level": value}})), rule)
        assert isinstance(outcome, kind), value
    assert isinstance(await _decided(bearing(ONE.token({"realm": "x"})), rule), Forbid)


def test_a_guard_that_could_not_tell_its_sources_apart_is_not_built() -> None:
    for issuers in ([], [_issuer(ISSUER, ONE), _issuer(ISSUER, TWO)]):
        with pytest.raises(ValueError, match="at least one issuer, and each once"):
            ResourceServer(RESOURCE, issuers)
    with pytest.raises(ValueError, match="the resource of the guard"):
        ResourceServer("https://elsewhere.example", [_issuer(ISSUER, ONE)])
    explaining = [
        TrustedIssuer(issuer=url, resource=RESOURCE, keys=ONE.source(), introspection=Explainer())
        for url in (ISSUER, OTHER)
    ]
    with pytest.raises(ValueError, match="one issuer explains"):
        ResourceServer(RESOURCE, explaining)
