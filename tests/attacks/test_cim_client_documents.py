"""Clients that introduce themselves by a URL: odd URLs, odd documents, floods, and what they may never have."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from support.hostile_server import HOST, Names, hostile_server, http
from support.house import ASSERTION_TYPE, VERIFIER, Answer, House, HouseLog, build_house, clients, document
from support.requirement import requirement
from support.visitor import Visitor, account_page, consent_page, error_page, login_page, returned
from valetkey.adapters.client_documents import MOST_DOCUMENTS, FetchedDocuments
from valetkey.adapters.outbound.fetcher import GuardedFetcher
from valetkey.authorization_server.decision import BumpGeneration, PutClient
from valetkey.authorization_server.introduction.document import client_id_url_fault
from valetkey.authorization_server.introduction.introducing import find_or_introduce
from valetkey.authorization_server.model import Client, ConsentMode, ManagedBy
from valetkey.authorization_server.outbound import Lane
from valetkey.authorization_server.outbound_guard import Guard, Openings
from valetkey.authorization_server.pages import ConsentMemory, ErrorKind
from valetkey.authorization_server.presented_token import genuine_access_token, holder_of
from valetkey.jose import Jwk, JwkSet, jwt
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, Scope

URL = "https://apps.example/client.json"
CALLBACK = "https://apps.example/callback"
SCOPE = "albums.read"
KEY = Jwk.generate("ES256", kid="first")


def described(**changes: object) -> dict[str, object]:
    members: dict[str, object] = {
        "client_id": URL,
        "client_name": "Album Walker",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    }
    return {name: value for name, value in (members | changes).items() if value is not ...}


@pytest.fixture
async def house() -> House:
    house = await build_house(profile="MCP")
    house.outside.publish(URL, described())
    return house


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


async def code_of(visitor: Visitor, client_id: str = URL, redirect_uri: str = CALLBACK) -> str:
    return (await visitor.granted(client_id, redirect_uri=redirect_uri, scope=SCOPE))["code"]


async def redeemed(house: House, code: str, client_id: str = URL, **changes: str) -> HttpResponse:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": CALLBACK,
        "client_id": client_id,
    }
    return await house.post("/token", form | changes)


async def tokens_of(house: House, visitor: Visitor) -> Answer:
    answer = await redeemed(house, await code_of(visitor))
    assert answer.status == 200, answer.body
    return document(answer)


async def refreshed(house: House, tokens: Mapping[str, str]) -> HttpResponse:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": URL}
    return await house.post("/token", form)


async def is_alive(house: House, tokens: Mapping[str, str]) -> bool:
    now = house.clock.now
    token = await genuine_access_token(tokens["access_token"], house.server, now)
    return await holder_of(token, house.server, now) is not None


async def refusal(visitor: Visitor, client_id: str = URL) -> ErrorKind:
    page = error_page(await visitor.authorize(client_id, redirect_uri=CALLBACK))
    assert (page.code, page.status) == ("invalid_client", 400)
    return page.kind


@requirement("CIMD-4/fetch")
async def test_a_client_that_nobody_registered_gets_tokens_for_who_allows_it(
    house: House, visitor: Visitor
) -> None:
    tokens = await tokens_of(house, visitor)
    assert Scope.parse(tokens["scope"]) == Scope.parse("albums.read")
    claims = jwt.peek(tokens["access_token"]).claims
    assert claims["client_id"] == URL
    assert await is_alive(house, tokens)
    assert (await refreshed(house, tokens)).status == 200
    assert [url for url, _ in house.outside.asked] == [URL]
    assert house.outside.asked[0][1].lane is Lane.STRANGERS
    assert house.outside.asked[0][1].most_octets == 5 * 1024
    assert [client.client_id for client in await house.stores.clients.list()] == sorted(clients())


async def test_it_gives_its_tokens_back(house: House, visitor: Visitor) -> None:
    tokens = await tokens_of(house, visitor)
    assert (await house.post("/revoke", {"token": tokens["refresh_token"], "client_id": URL})).status == 200
    assert document(await refreshed(house, tokens))["error"] == "invalid_grant"


@pytest.mark.parametrize("profile", ["OAUTH_2_1", "OPENID"])
async def test_other_profiles_read_no_documents(profile: str) -> None:
    house = await build_house(profile=profile)
    house.outside.publish(URL, described())
    assert await refusal(Visitor(house)) is ErrorKind.UNKNOWN_CLIENT
    assert (await redeemed(house, "x")).status == 401
    assert house.outside.asked == []


@requirement("CIMD-5")
@pytest.mark.parametrize(("profile", "is_read"), [("MCP", True), ("OAUTH_2_1", False)])
async def test_the_metadata_say_whether_documents_are_read(profile: str, *, is_read: bool) -> None:
    house = await build_house(profile=profile)
    found = document(await house.get("/.well-known/oauth-authorization-server"))
    assert found["client_id_metadata_document_supported"] is is_read


# covers: CIM-01
@requirement("CIMD-3/form")
@pytest.mark.parametrize(
    "client_id",
    [
        "http://apps.example/client.json", "HTTPS://apps.example/client.json", "https://Apps.example/client.json",
        "https://apps.example", "https://apps.example/", "https://apps.example/../client.json",
        "https://apps.example/a/./client.json", "https://apps.example/%2e%2e/client.json",
        "https://apps.example/..;/client.json", "https://apps.example/client.json#me",
        "https://user@apps.example/client.json", "https://user:word@apps.example/client.json",
        "https://apps.example/client.json?v=1", "https://apps.example/client.json?",
        "https://apps.example:8443/client.json", "https://apps.example:443/client.json",
        "https://apps.example:/client.json", "https://127.0.0.1/client.json", "https://[::1]/client.json",
        "https://2130706433/client.json", "https://0x7f.1/client.json", "https://127.1/client.json",
        "https://localhost/client.json", "https://apps.localhost/client.json", "https://intranet/client.json",
        "https://apps.internal/client.json", "https://apps.example./client.json", "https://apps..example/c.json",
        "https://äpps.example/client.json", "https://apps.example\\@evil.example/client.json",
        "https://apps.example/client.json ", " https://apps.example/client.json",
        "https://apps.example/client\n.json", "ftp://apps.example/client.json", "https:///client.json",
        "https:apps.example/client.json", "//apps.example/client.json", "data:application/json,{}",
        "https://apps.example/" + "a" * 300,
    ],
)  # fmt: skip
async def test_a_url_of_odd_form_is_an_unknown_client_before_any_fetch(
    house: House, visitor: Visitor, client_id: str
) -> None:
    assert await refusal(visitor, client_id) is ErrorKind.UNKNOWN_CLIENT
    answer = await redeemed(house, "x", client_id)
    assert (answer.status, document(answer)["error"]) == (401, "invalid_client")
    assert house.outside.asked == []


def test_a_host_that_the_operator_named_may_have_a_port_and_any_name() -> None:
    def is_opened(host: str) -> bool:
        return host in {"localhost", "127.0.0.1"}

    for url in ("https://localhost:8443/client.json", "https://127.0.0.1:8443/client.json"):
        assert client_id_url_fault(url, is_opened) is None
    for url in ("http://localhost:8443/client.json", "https://localhost:8443/", "https://localhost:8443/c?d"):
        assert client_id_url_fault(url, is_opened) is not None


# covers: CIM-05, CIM-10
@requirement("CIMD-4/status", "CIMD-4.3/abort", "CIMD-4.4/no-errors")
@pytest.mark.parametrize("status", [None, 201, 204, 206, 301, 404, 500])
async def test_an_error_is_a_page_that_tells_nothing_and_is_not_kept(
    house: House, visitor: Visitor, status: int | None
) -> None:
    house.outside.break_off(URL, status)
    page = error_page(await visitor.authorize(URL, redirect_uri=CALLBACK))
    assert (page.kind, page.detail) == (
        ErrorKind.UNREADABLE_CLIENT,
        "The document of the client cannot be used.",
    )
    assert house.log.of("client.refused") == [{"client_id": URL, "why": "the test broke it off"}]
    house.outside.publish(URL, described())
    login_page(await visitor.authorize(URL, redirect_uri=CALLBACK))


# covers: CIM-05, CIM-06
@requirement("CIMD-4.1/client-id", "CIMD-4.1/no-secret", "CIMD-4.1/no-symmetric", "CIMD-4.4/no-malformed")
@pytest.mark.parametrize(
    "found",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xef\xbb\xbf{}",
        b"<html></html>",
        b"[" * 1_000,
        b'{"client_id": "' + URL.encode() + b'", "client_id": "' + URL.encode() + b'"}',
        described(client_id=...),
        described(client_id=None),
        described(client_id=[URL]),
        described(client_id=URL + "/"),
        described(client_id=URL.upper()),
        described(client_id="https://APPS.example/client.json"),
        described(client_id="https://apps.example:443/client.json"),
        described(client_id="web"),
        described(client_secret="s" * 43),
        described(client_secret=None),
        described(client_secret_expires_at=0),
        described(token_endpoint_auth_method="client_secret_basic"),
        described(token_endpoint_auth_method="client_secret_post"),
        described(token_endpoint_auth_method="client_secret_jwt"),
        described(token_endpoint_auth_method="tls_client_auth"),
        described(token_endpoint_auth_method=["none"]),
        described(token_endpoint_auth_method="private_key_jwt"),
        described(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [KEY.as_private_dict()]}),
        described(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}),
        described(token_endpoint_auth_method="private_key_jwt", jwks_uri="http://apps.example/jwks.json"),
        described(token_endpoint_auth_method="private_key_jwt", jwks_uri="https://169.254.169.254/jwks.json"),
        described(jwks={"keys": []}, jwks_uri="https://apps.example/jwks.json"),
        described(redirect_uris=...),
        described(redirect_uris=[]),
        described(redirect_uris="https://apps.example/callback"),
        described(redirect_uris=[CALLBACK, "http://apps.example/callback"]),
        described(redirect_uris=[CALLBACK, "https://apps.example/*"]),
        described(redirect_uris=[CALLBACK, "javascript:alert(1)"]),
        described(redirect_uris=[f"https://apps.example/{number}" for number in range(21)]),
        described(grant_types=["implicit"]),
        described(grant_types=["client_credentials"]),
        described(grant_types=["password", "urn:ietf:params:oauth:grant-type:token-exchange"]),
        described(response_types=["token"]),
        described(client_name="\u202eelgooG"),
        described(client_name=""),
        described(client_name=7),
        described(scope=7),
        described(subject_type="pairwise"),
        described(software_statement="e30.e30.c2ln"),
    ],
)  # fmt: skip
async def test_a_document_that_makes_no_client_is_a_page_and_is_not_kept(
    house: House, visitor: Visitor, found: object
) -> None:
    house.outside.publish(URL, found)
    assert await refusal(visitor) is ErrorKind.UNREADABLE_CLIENT
    assert house.server.client_documents.known(URL) is None
    house.outside.publish(URL, described())
    login_page(await visitor.authorize(URL, redirect_uri=CALLBACK))


# covers: CIM-05
@requirement("CIMD-6.6/size")
async def test_a_document_of_more_than_five_kilobytes_is_a_page(house: House, visitor: Visitor) -> None:
    house.outside.publish(URL, described(padding="x" * 6_000))
    assert await refusal(visitor) is ErrorKind.UNREADABLE_CLIENT
    house.outside.publish(URL, described(padding="x" * 4_000))
    login_page(await visitor.authorize(URL, redirect_uri=CALLBACK))


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "application/cimd+json"])
async def test_json_comes_under_more_than_one_name(house: House, visitor: Visitor, media_type: str) -> None:
    house.outside.publish(URL, described(), media_type=media_type)
    login_page(await visitor.authorize(URL, redirect_uri=CALLBACK))


@requirement("CIMD-4.4/cache")
async def test_a_document_is_kept_for_as_long_as_its_site_says_within_bounds(
    house: House, visitor: Visitor
) -> None:
    for lifetime, kept in (("max-age=600", 600), ("no-store", 60), ("max-age=31536000", 86_400)):
        house.outside.asked.clear()
        house.outside.publish(URL, described(), cache_control=lifetime)
        house.clock.advance(100_000)
        await visitor.authorize(URL, redirect_uri=CALLBACK)
        house.clock.advance(kept - 1)
        await visitor.authorize(URL, redirect_uri=CALLBACK)
        assert len(house.outside.asked) == 1
        house.clock.advance(1)
        await visitor.authorize(URL, redirect_uri=CALLBACK)
        assert len(house.outside.asked) == 2


@requirement("CIMD-4.5/redirect-uris")
async def test_what_a_document_no_longer_says_is_no_longer_so(house: House, visitor: Visitor) -> None:
    code = await code_of(visitor)
    house.clock.advance(1)
    house.outside.publish(URL, described(redirect_uris=["https://apps.example/other"]))
    house.clock.advance(300)
    page = error_page(await visitor.authorize(URL, redirect_uri=CALLBACK))
    assert page.kind is ErrorKind.BAD_REDIRECT_URI
    assert (await redeemed(house, code)).status == 400


async def test_an_outage_of_its_site_leaves_a_client_alone_for_an_hour(house: House, visitor: Visitor) -> None:
    tokens = await tokens_of(house, visitor)
    house.outside.break_off(URL, 503)
    house.clock.advance(300 + 3_599)
    answer = await refreshed(house, tokens)
    assert answer.status == 200
    house.clock.advance(1)
    assert (await refreshed(house, document(answer))).status == 401


async def test_a_document_that_is_gone_ends_its_client(house: House, visitor: Visitor) -> None:
    tokens = await tokens_of(house, visitor)
    house.outside.break_off(URL, 404)
    house.clock.advance(300)
    assert (await refreshed(house, tokens)).status == 401


async def test_an_outage_of_its_site_does_not_end_a_token_that_was_issued(house: House, visitor: Visitor) -> None:
    tokens = await tokens_of(house, visitor)
    house.server = replace(house.server, client_documents=FetchedDocuments(house.outside))
    house.outside.break_off(URL)
    assert await is_alive(house, tokens)
    holder = await house.server.find_client(ClientId(URL))
    assert holder is not None
    assert (holder.client_id, holder.grant_types) == (URL, frozenset())
    assert holder.is_unverified


# covers: CIM-07
async def test_one_network_introduces_twenty_clients_at_once_and_then_waits(house: House) -> None:
    kinds = []
    for number in range(1_000):
        url = f"https://a{number}.example/client.json"
        house.outside.publish(url, described(client_id=url))
        answer = await Visitor(house).authorize(url, redirect_uri=CALLBACK)
        assert not isinstance(answer, HttpResponse)
        kinds.append(getattr(answer.view, "status", 200))
    assert kinds[:20] == [200] * 20
    assert set(kinds[20:]) == {429}
    assert len(house.outside.asked) == 20
    other = Visitor(house, address="198.51.100.9")
    login_page(await other.authorize(URL, redirect_uri=CALLBACK))
    house.clock.advance(6)
    url = "https://a999.example/client.json"
    login_page(await Visitor(house).authorize(url, redirect_uri=CALLBACK))


# covers: CIM-07
async def test_a_flood_of_documents_is_kept_within_bounds(house: House) -> None:
    documents = house.server.client_documents
    for number in range(MOST_DOCUMENTS + 10):
        url = f"https://a{number}.example/client.json"
        house.outside.publish(url, described(client_id=url))
        await documents.find(url, house.clock.now)
    assert documents.known("https://a9.example/client.json") is None
    assert documents.known(f"https://a{MOST_DOCUMENTS + 9}.example/client.json") is not None


# covers: CIM-07
async def test_a_thousand_who_name_one_client_at_once_cause_one_fetch(tmp_path: Path) -> None:
    async with hostile_server(tmp_path) as site:
        url = f"https://{HOST}/client.json"
        house = await build_house(profile="MCP")
        guard = Guard(Openings.parse(["127.0.0.0/8"]), ca_file=site.ca_file)
        fetcher = GuardedFetcher(guard, HouseLog(), resolver=Names({HOST: [["127.0.0.1"]]}, {443: site.port}))
        documents = FetchedDocuments(fetcher)
        site.gate = asyncio.Event()
        site.answers["/client.json"] = http(200, msgspec.json.encode(described(client_id=url)))
        waiting = [asyncio.create_task(documents.find(url, house.clock.now)) for _ in range(1_000)]
        async with asyncio.timeout(20):
            while not site.connections:  # noqa: ASYNC110 - the site counts, and tells nobody
                await asyncio.sleep(0.005)
        site.gate.set()
        found = await asyncio.gather(*waiting)
        assert {metadata.client_name for metadata in found} == {"Album Walker"}
        assert site.connections == 1
        house.server = replace(house.server, client_documents=documents)
        page = login_page(await Visitor(house).authorize(url, redirect_uri=CALLBACK))
        assert page.client_name == "Album Walker"
        await fetcher.close()


# covers: CIM-02, CIM-10
async def test_a_url_that_leads_inwards_is_a_page_that_tells_nothing(tmp_path: Path) -> None:
    async with hostile_server(tmp_path) as inside:
        house, log = await build_house(profile="MCP"), HouseLog()
        names = Names({"apps.example": [["127.0.0.1"]]}, {443: inside.port})
        fetcher = GuardedFetcher(Guard(ca_file=inside.ca_file), log, resolver=names)
        house.server = replace(house.server, client_documents=FetchedDocuments(fetcher))
        page = error_page(await Visitor(house).authorize(URL, redirect_uri=CALLBACK))
        assert (page.kind, page.detail) == (
            ErrorKind.UNREADABLE_CLIENT,
            "The document of the client cannot be used.",
        )
        assert inside.connections == 0
        assert "127.0.0.1" in str(log.of("outbound.failed"))
        await fetcher.close()


# covers: CON-04
@requirement("CIMD-6.4/hostname")
async def test_the_end_user_is_asked_every_time_and_told_where_the_answer_goes(visitor: Visitor) -> None:
    for _ in range(2):
        answer = await visitor.authorize(URL, redirect_uri=CALLBACK, scope=SCOPE)
        if not visitor.house.log.of("login.succeeded"):
            answer = await visitor.sign_in(answer)
        page = consent_page(answer)
        assert page.memory is ConsentMemory.ASKED_AGAIN
        assert (page.is_unverified, page.client_site, page.redirect_host) == (True, "apps.example", "apps.example")
        assert "code" in returned(await visitor.consent(answer))
    silent = returned(await visitor.authorize(URL, redirect_uri=CALLBACK, scope=SCOPE, prompt="none"))
    assert silent["error"] == "consent_required"


# covers: RDR-08
@pytest.mark.parametrize(
    ("registered", "requested"),
    [
        ("http://localhost/callback", "http://localhost:51004/callback"),
        ("http://localhost:3000/callback", "http://localhost:51004/callback"),
        ("http://127.0.0.1/callback", "http://127.0.0.1:51004/callback"),
        ("http://[::1]/callback", "http://[::1]:51004/callback"),
    ],
)
async def test_a_loopback_redirect_takes_any_port(
    house: House, visitor: Visitor, registered: str, requested: str
) -> None:
    house.outside.publish(URL, described(redirect_uris=[registered]))
    assert "code" in await visitor.granted(URL, redirect_uri=requested, scope=SCOPE)
    for other in (f"{requested}/other", "http://localhost.evil:51004/callback", "https://localhost:51004/callback"):
        assert error_page(await visitor.authorize(URL, redirect_uri=other)).kind is ErrorKind.BAD_REDIRECT_URI


@requirement("CIMD-6.2/authenticate")
async def test_a_client_with_keys_has_to_prove_itself(house: House, visitor: Visitor) -> None:
    house.outside.publish(
        URL, described(token_endpoint_auth_method="private_key_jwt", jwks_uri="https://apps.example/jwks.json")
    )
    house.outside.publish_keys("https://apps.example/jwks.json", JwkSet((KEY,)))
    code = await code_of(visitor)
    assert (await redeemed(house, code)).status == 401
    for key, status in ((Jwk.generate("ES256", kid="first"), 401), (KEY, 200)):
        assertion = house.assertion({"iss": URL, "sub": URL}, key)
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        assert (await redeemed(house, code, **proof)).status == status
    lanes = {url: asked.lane for url, asked in house.outside.asked}
    assert lanes == {URL: Lane.STRANGERS, "https://apps.example/jwks.json": Lane.STRANGERS}


async def test_a_code_belongs_to_the_url_that_it_was_issued_to(house: House, visitor: Visitor) -> None:
    other = "https://apps.example/other.json"
    house.outside.publish(other, described(client_id=other))
    code = await code_of(visitor)
    answer = await redeemed(house, code, other)
    assert document(answer)["error"] == "invalid_grant"


async def test_it_has_what_strangers_may_have_and_its_document_names(house: House, visitor: Visitor) -> None:
    house.outside.publish(URL, described(scope="albums.read orders.read nonsense"))
    permitted = Scope.parse("albums.read albums.write")
    house.server = replace(house.server, tenant=replace(house.server.tenant, registration_scope=permitted))
    code = (await visitor.granted(URL, redirect_uri=CALLBACK, scope="albums.read albums.write orders.read"))["code"]
    assert document(await redeemed(house, code))["scope"] == "albums.read"


async def test_what_an_operator_registered_under_a_url_is_never_read(house: House, visitor: Visitor) -> None:
    registered = replace(clients()["spa"], client_id=ClientId(URL))
    await house.commit(PutClient(registered))
    page = login_page(await visitor.authorize(URL, redirect_uri=registered.redirect_uris[0]))
    assert page.client_name == registered.name
    await house.commit(PutClient(replace(registered, disabled=True)))
    assert await refusal(visitor) is ErrorKind.UNKNOWN_CLIENT
    assert house.outside.asked == []


async def test_a_blocked_url_is_an_unknown_client_and_its_tokens_are_dead(house: House, visitor: Visitor) -> None:
    tokens = await tokens_of(house, visitor)
    house.outside.blocked.add(URL)
    assert await refusal(visitor) is ErrorKind.UNKNOWN_CLIENT
    assert (await refreshed(house, tokens)).status == 401
    assert not await is_alive(house, tokens)


async def test_revoking_the_client_by_its_url_ends_what_it_holds(house: House, visitor: Visitor) -> None:
    code, tokens = await code_of(visitor), await tokens_of(house, visitor)
    await house.commit(BumpGeneration("client", URL))
    assert document(await redeemed(house, code))["error"] == "invalid_grant"
    assert document(await refreshed(house, tokens))["error"] == "invalid_grant"
    assert not await is_alive(house, tokens)
    assert (await redeemed(house, await code_of(visitor))).status == 200


async def test_the_account_page_shows_it_and_takes_its_access_back(house: House, visitor: Visitor) -> None:
    tokens = await tokens_of(house, visitor)
    house.outside.break_off(URL)
    house.server = replace(house.server, client_documents=FetchedDocuments(house.outside))
    (connected,) = (await visitor.account()).clients
    assert connected.name == "apps.example"
    account_page(await visitor.submit(connected.withdraw_form, {}))
    house.outside.publish(URL, described())
    assert document(await refreshed(house, tokens))["error"] == "invalid_grant"


async def test_nothing_of_a_document_makes_it_an_operators_client(house: House, visitor: Visitor) -> None:
    house.outside.publish(
        URL,
        described(
            consent="first_party", managed_by="file", profile="LEGACY", trusted=True, is_first_party=True,
            resources=["https://inside.example"], access_token_format="opaque",
        ),
    )  # fmt: skip
    found = await introduced(house)
    assert (found.consent, found.managed_by, found.profile) == (ConsentMode.ASK, ManagedBy.DOCUMENT, None)
    assert (found.resources, found.access_token_format) == ((), None)
    consent_page(await visitor.sign_in(await visitor.authorize(URL, redirect_uri=CALLBACK, scope=SCOPE)))


async def test_a_browsers_script_may_read_answers_only_from_an_origin_that_its_document_names(
    house: House, visitor: Visitor
) -> None:
    await code_of(visitor)
    assert house.server.client_documents.name_origin("https://apps.example")
    assert not house.server.client_documents.name_origin("https://evil.example")
    answer = await house.post("/token", {"client_id": URL, "grant_type": "x"}, {"origin": "https://apps.example"})
    assert answer.header("access-control-allow-origin") == "https://apps.example"


async def introduced(house: House) -> Client:
    found = await find_or_introduce(ClientId(URL), "203.0.113.7", house.server, house.clock.now)
    assert found is not None
    return found
