"""The decision service: whom it answers, what it tells the API behind, and what it does when it breaks."""

from collections.abc import Mapping

import msgspec
import pytest

from support.issuer import ISSUER, NOW, RESOURCE, HeldKeys, TestIssuer
from valetkey.gateway.application import DecisionApplication
from valetkey.gateway.assertion import AssertionSigner
from valetkey.gateway.contracts import CONTRACTS
from valetkey.gateway.service import DecisionService
from valetkey.gateway.settings import TrustedPeers
from valetkey.jose import Jwk, JwkSet, VerifiedJwt, Verifier, jwt
from valetkey.oauth.access_token import AccessToken, access_token_from_claims
from valetkey.oauth.identity_assertion import HEADER
from valetkey.resource_server import (
    Allow,
    AllowAnonymous,
    BadRequest,
    Challenge,
    Decision,
    Forbid,
    RequestView,
    ResourceServer,
    Rule,
    TrustedIssuer,
    Unavailable,
)
from valetkey.resource_server.asserted import AssertedServer
from valetkey.resource_server.policy import GuardPolicy
from valetkey.resource_server.policy_guard import PolicyGuard
from valetkey.resource_server.routes import Route, Template

pytestmark = pytest.mark.anyio

GATEWAY = "https://gateway.example"
UPSTREAM = "https://orders.internal"
AS = TestIssuer()
KEY = Jwk.generate("ES256", kid="g")
READ = Rule.requiring("albums.read", max_age=None)


def _policy() -> GuardPolicy:
    return GuardPolicy.of(
        RESOURCE,
        [
            Route(Template.parse("/albums/{id}"), frozenset({"GET"}), READ),
            Route(Template.parse("/health"), frozenset({"GET"}), Rule(is_public=True)),
        ],
    )


def _signer(lifetime: int = 30, now: int = NOW) -> AssertionSigner:
    return AssertionSigner(KEY, issuer=GATEWAY, audience=UPSTREAM, lifetime=lifetime, clock=lambda: now)


def _service(keys: HeldKeys | None = None, *, names_plainly: bool = False) -> DecisionService:
    issuer = TrustedIssuer(issuer=ISSUER, resource=RESOURCE, keys=keys or AS.source())
    guard = PolicyGuard(_policy(), ResourceServer(RESOURCE, [issuer]))
    return DecisionService(guard, _signer(), names_plainly=names_plainly, report=lambda _: None)


def _asking(token: str | None = None, target: str = "/albums/7", method: str = "GET") -> RequestView:
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    return RequestView(method, target, headers, "api.example", "203.0.113.7", "https")


class Timed(HeldKeys):
    """Verifies at the time of the verifier."""

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        return await super().verify(verifier, token, verifier.clock() if now is None else now)


def _behind(now: int = NOW, keys: HeldKeys | None = None) -> AssertedServer:
    source = keys or Timed(JwkSet((KEY.public(),)))
    return AssertedServer(UPSTREAM, gateway=GATEWAY, keys=source, clock=lambda: now)


def _handed(assertion: str, target: str = "/albums/7", method: str = "GET") -> RequestView:
    return RequestView(method, target, [(HEADER, assertion.encode())])


async def _assertion(changes: Mapping[str, object | None] | None = None) -> str:
    decision, identity = await _service().judge(_asking(AS.token(changes)))
    assert isinstance(decision, Allow)
    ((_, assertion),) = identity
    return assertion


async def test_the_api_behind_learns_who_asks() -> None:
    assertion = await _assertion(
        {"sid": "s-1", "acr": "multi-factor", "auth_time": NOW - 5, "private": "kept back"}
    )
    outcome = await _behind().decide(
        _handed(assertion), Rule.requiring("albums.read", acr="multi-factor", max_age=60)
    )
    assert isinstance(outcome, Allow)
    token = outcome.token
    assert (token.subject, token.client_id, token.sid, str(token.scope)) == ("alice", "web", "s-1", "albums.read")
    assert (token.issuer, token.claims["origin"]) == (GATEWAY, ISSUER)
    assert "private" not in token.claims
    assert AS.token() not in assertion


@pytest.mark.parametrize(("target", "method"), [("/albums/8", "GET"), ("/albums/7", "DELETE"), ("/", "GET")])
async def test_an_assertion_is_for_one_request(target: str, method: str) -> None:
    assert isinstance(await _behind().decide(_handed(await _assertion(), target, method), READ), Challenge)


async def test_an_assertion_is_good_for_seconds_and_never_longer_than_its_token() -> None:
    assertion = await _assertion()
    assert isinstance(await _behind(NOW + 29).decide(_handed(assertion), READ), Allow)
    assert isinstance(await _behind(NOW + 30).decide(_handed(assertion), READ), Challenge)
    short = await _assertion({"exp": NOW + 10})
    assert isinstance(await _behind(NOW + 10).decide(_handed(short), READ), Challenge)


# covers: JWS-30
async def test_nothing_but_an_assertion_of_this_gateway_counts_behind_it() -> None:
    behind = _behind()
    for request in (
        _asking(AS.token({"aud": UPSTREAM})),
        RequestView("GET", "/albums/7", [(b"x-api-key", b"vk_ak_x")]),
        RequestView("GET", "/albums/7", [(b"x-valetkey-subject", b"alice")]),
    ):
        refused = await behind.decide(request, READ)
        assert isinstance(refused, Challenge)
        assert refused.error is None
    claims = {**jwt.peek(await _assertion()).claims}
    for typ in ("at+jwt", "JWT"):
        assert isinstance(await behind.decide(_handed(jwt.sign(claims, KEY, typ=typ)), READ), Challenge)
    for wrong in ({"aud": RESOURCE}, {"iss": ISSUER}, {"exp": NOW + 3600, "iat": NOW - 61}, {"principal": "god"}):
        forged = jwt.sign(claims | wrong, KEY, typ="identity-assertion+jwt")
        assert isinstance(await behind.decide(_handed(forged), READ), Challenge)
    other = jwt.sign(claims, Jwk.generate("ES256", kid="g"), typ="identity-assertion+jwt")
    assert isinstance(await behind.decide(_handed(other), READ), Challenge)


async def test_two_assertions_or_an_odd_path_are_a_bad_request() -> None:
    value = (await _assertion()).encode()
    twice = RequestView("GET", "/albums/7", [(HEADER, value), (HEADER, value)])
    assert isinstance(await _behind().decide(twice, READ), BadRequest)
    assert isinstance(await _behind().decide(_handed(value.decode(), "/albums/%2e%2e/7"), READ), BadRequest)


async def test_keys_that_cannot_be_had_are_no_fault_of_the_client() -> None:
    keys = HeldKeys(JwkSet((KEY.public(),)), is_down=True)
    assert isinstance(await _behind(keys=keys).decide(_handed(await _assertion()), READ), Unavailable)


def test_the_same_question_gets_the_same_assertion_for_half_of_its_life() -> None:
    now = NOW
    signer = AssertionSigner(KEY, issuer=GATEWAY, audience=UPSTREAM, lifetime=30, clock=lambda: now)
    server = _token()
    first = signer.sign(server, _asking())
    assert signer.sign(server, _asking()) == first
    assert signer.sign(server, _asking(target="/albums/8")) != first
    # covers: GTW-08
    for changes in ({"scope": "albums.write"}, {"sub": "bob"}, {"client_id": "shop"}, {"sid": "s"}, {"acr": "1"}):
        assert signer.sign(_token(changes), _asking()) != first
    now = NOW + 15
    assert signer.sign(server, _asking()) != first


def _token(changes: Mapping[str, object] | None = None) -> AccessToken:
    claims: dict[str, object] = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": RESOURCE,
        "client_id": "web",
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "token-1",
        "scope": "albums.read",
    }
    return access_token_from_claims(claims | dict(changes or {}))


def test_assertions_are_signed_with_a_private_key_and_for_a_minute_at_most() -> None:
    for key, lifetime in ((KEY.public(), 30), (Jwk.generate("HS256"), 30), (KEY, 1), (KEY, 61)):
        with pytest.raises(ValueError, match=r"private key|lives for"):
            AssertionSigner(key, issuer=GATEWAY, audience=UPSTREAM, lifetime=lifetime)
    published = _signer().published()["keys"]
    assert isinstance(published, list)
    assert [set(key) & {"d", "k"} for key in published] == [set()]


async def test_nobody_is_named_where_nobody_is_known() -> None:
    for request, kind in (
        (_asking(target="/health"), AllowAnonymous),
        (_asking(), Challenge),
        (_asking(AS.token({"scope": "x"})), Forbid),
        (_asking(AS.token(), "/nowhere"), Forbid),
        (_asking(AS.token(), "/albums//7"), BadRequest),
    ):
        decision, identity = await _service(names_plainly=True).judge(request)
        assert isinstance(decision, kind)
        assert identity == ()


async def test_plain_names_go_along_where_they_are_wanted_and_a_header_can_carry_them() -> None:
    _, identity = await _service(names_plainly=True).judge(_asking(AS.token()))
    plain = {name: value for name, value in identity if name != HEADER.decode()}
    assert plain == {
        "x-valetkey-subject": "alice",
        "x-valetkey-client": "web",
        "x-valetkey-scope": "albums.read",
    }
    _, identity = await _service(names_plainly=True).judge(_asking(AS.token({"sub": "zoë\r\nx-evil: 1"})))
    assert "x-valetkey-subject" not in dict(identity)


# covers: GTW-07
async def test_a_fault_of_ours_closes_and_is_reported() -> None:
    class Broken:
        policy = _policy()

        async def decide(self, request: RequestView) -> Decision:
            raise ZeroDivisionError(request.method)

    reported: list[Exception] = []
    service = DecisionService(Broken(), None, names_plainly=False, report=reported.append)  # type: ignore[arg-type]  # a guard with a bug
    decision, identity = await service.judge(_asking(AS.token()))
    assert isinstance(decision, Unavailable)
    assert identity == ()
    assert [type(fault) for fault in reported] == [ZeroDivisionError]


async def test_an_issuer_that_is_down_is_an_outage_and_no_refusal() -> None:
    keys = AS.source()
    keys.is_down = True
    decision, _ = await _service(keys).judge(_asking(AS.token()))
    assert isinstance(decision, Unavailable)


class Said:
    """What an application answered."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def send(self, message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]  # type: ignore[assignment]  # ASGI's own
            pairs: list[tuple[bytes, bytes]] = message["headers"]  # type: ignore[assignment]  # as ASGI has it
            self.headers = {name.decode(): value.decode() for name, value in pairs}
        else:
            self.body += message["body"]  # type: ignore[operator]  # octets, by ASGI


async def _asked(path: str, *, peer: str = "127.0.0.1", headers: Mapping[str, str] | None = None) -> Said:
    application = DecisionApplication(_service(), dict(CONTRACTS), TrustedPeers(["127.0.0.1", "10.0.0.0/8"]))
    return await _answer(application, path, peer=peer, headers=headers)


async def _answer(
    application: DecisionApplication,
    path: str,
    *,
    peer: str = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
) -> Said:
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": (peer, 4711),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    said = Said()
    await application(scope, receive, said.send)  # type: ignore[arg-type]  # a scope as a server makes it
    return said


def _nginx(token: str | None) -> dict[str, str]:
    said = {
        "x-valetkey-method": "GET",
        "x-valetkey-scheme": "https",
        "x-valetkey-host": "api.example",
        "x-valetkey-target": "/albums/7",
        "x-valetkey-address": "203.0.113.7",
    }
    return said if token is None else {**said, "authorization": f"Bearer {token}"}


# covers: GTW-04
@pytest.mark.parametrize("peer", ["192.0.2.1", "", "::1", "not an address", "127.0.0.2"])
async def test_an_untrusted_peer_is_answered_nothing(peer: str) -> None:
    said = await _asked("/decide/nginx", peer=peer, headers=_nginx(AS.token()))
    assert said.status == 403
    assert "x-valetkey-assertion" not in said.headers


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3"])
async def test_a_trusted_peer_is_answered(peer: str) -> None:
    said = await _asked("/decide/nginx", peer=peer, headers=_nginx(AS.token()))
    assert (said.status, "x-valetkey-assertion" in said.headers) == (200, True)


async def test_only_contracts_of_the_file_are_spoken() -> None:
    for path in ("/decide/apache", "/decide/", "/decide/nginx/x", "/", "/decide/envoy-httpx"):
        assert (await _asked(path, headers=_nginx(AS.token()))).status == 404


async def test_health_and_keys_are_for_everybody() -> None:
    assert (await _asked("/healthz", peer="192.0.2.1")).status == 200
    assert (await _asked("/readyz", peer="192.0.2.1")).status == 200
    published = msgspec.json.decode((await _asked("/jwks.json", peer="192.0.2.1")).body)
    assert [key["kid"] for key in published["keys"]] == ["g"]


async def test_it_is_ready_once_it_knows_what_was_revoked_and_not_while_it_drains() -> None:
    application = DecisionApplication(_service(), {}, TrustedPeers(["127.0.0.1"]))
    settled = application.settling()
    assert (await _answer(application, "/readyz")).status == 503
    assert (await _answer(application, "/healthz")).status == 200
    settled(None)
    assert (await _answer(application, "/readyz")).status == 200
    application.drain()
    assert (await _answer(application, "/readyz")).status == 503


@pytest.mark.parametrize("networks", [[], ["0.0.0.0/0"], ["::/0"], ["10.0.0.1/8"], ["proxy.example"]])
def test_start_up_refuses_peers_that_are_none_or_everybody(networks: list[str]) -> None:
    with pytest.raises(ValueError, match=r"name the address|everybody|no address"):
        TrustedPeers(networks)
