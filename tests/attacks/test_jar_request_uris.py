"""Request objects by reference: only the client's own address is asked, once, and what stood there then counts."""

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from support.hostile_server import HOST, Names, hostile_server, http
from support.house import NOW, House, HouseLog, build_house, client_key, encode_form
from support.request_objects import REFERENCE, TYP, let_sign, signed_request, signing_client
from support.requirement import requirement
from support.visitor import STATE, Visitor, error_page, location_of, login_page, returned
from valetkey.adapters.outbound.fetcher import GuardedFetcher
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import SelfRegistration
from valetkey.authorization_server.outbound import Lane
from valetkey.authorization_server.outbound_guard import Guard, Openings
from valetkey.authorization_server.pages import ErrorKind
from valetkey.jose import Jwk, JwkSet
from valetkey.jose.encoding import b64url_encode
from valetkey.oauth.types import TokenDigest

JAR = f"application/{TYP}"


@pytest.fixture(params=["OAUTH_2_1", "OPENID"])
async def house(request: pytest.FixtureRequest) -> House:
    house = await build_house(profile=request.param)
    await let_sign(house)
    return house


def target(reference: str = REFERENCE, **outer: str) -> str:
    parameters = {"client_id": "web", "redirect_uri": "https://web.example/callback", "state": "outer", **outer}
    return "/authorize?" + encode_form({**parameters, "request_uri": reference}).decode()


async def error_of(house: House, reference: str = REFERENCE) -> str:
    answer = returned(await Visitor(house).get(target(reference)))
    assert (answer["state"], "code" in answer) == ("outer", False)
    return answer["error"]


async def is_taken(house: House, reference: str = REFERENCE) -> bool:
    found = await Visitor(house).get(target(reference))
    if (location_of(found) or "").startswith("/login?"):
        return True
    assert returned(found)["error"] == "invalid_request_uri"
    return False


def fragment_of(body: str) -> str:
    return "#" + b64url_encode(hashlib.sha256(body.encode()).digest())


@requirement("JAR-5.2.3/fetch")
@requirement("OIDCC-6.2.3/fetch")
@pytest.mark.parametrize("media_type", [JAR, "application/jwt", "text/plain", f"{JAR}; charset=utf-8"])
async def test_an_object_is_fetched_once_and_is_the_request_from_then_on(house: House, media_type: str) -> None:
    house.outside.publish(REFERENCE, signed_request().encode() + b"\n", media_type=media_type)
    visitor = Visitor(house)
    page = await visitor.visit(target())
    # What stands there later is another request, or nothing.
    house.outside.publish(REFERENCE, signed_request(state="changed", scope="openid").encode(), media_type=JAR)
    page = await visitor.sign_in(page)
    house.outside.break_off(REFERENCE)
    answer = returned(await visitor.consent(page))
    assert (answer["state"], "code" in answer) == (STATE, True)
    assert [url for url, _ in house.outside.asked] == [REFERENCE]
    assert house.outside.asked[0][1].lane is Lane.REGISTERED


# covers: JAR-01
@requirement("JAR-10.4.2/rewrite")
@requirement("JAR-5.2/https")
@pytest.mark.parametrize(
    "reference",
    [
        "https://web.example/request.jwt?",
        "https://web.example/request.jwt/",
        "https://web.example/REQUEST.jwt",
        "https://web.example:443/request.jwt",
        "https://web.example/%72equest.jwt",
        "http://web.example/request.jwt",
        "https://evil.example/request.jwt",
        "https://web.example/request.jwt@evil.example/",
        "https://user@web.example/request.jwt",
        "file:///etc/passwd",
        "https://169.254.169.254/latest/meta-data",
        "https://as.example/authorize?request_uri=https://web.example/request.jwt",
        "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c",
        "urn:ietf:params:oauth:request_uri:",
        "https://web.example/" + "r" * 3_000,
        "nonsense",
        "\x00",
    ],
)
async def test_an_address_that_the_client_did_not_register_is_never_asked(house: House, reference: str) -> None:
    assert await error_of(house, reference) == "invalid_request_uri"
    assert house.outside.asked == []


# covers: JAR-01
@requirement("OIDCC-6.2/fragment")
async def test_the_digest_in_an_address_is_that_of_what_stands_there(house: House) -> None:
    text = signed_request()
    house.outside.publish(REFERENCE, text.encode(), media_type=JAR)
    good = REFERENCE + fragment_of(text)
    assert await is_taken(house, good)
    for bad in (REFERENCE + fragment_of(text + "x"), REFERENCE + "#", REFERENCE + "#short", good + "="):
        assert not await is_taken(house, bad)
    await let_sign(house, request_uris=(good,))
    assert await is_taken(house, good)
    asked = len(house.outside.asked)
    # Registered with a digest, it is used with no other one and not without it.
    assert not await is_taken(house, REFERENCE)
    assert not await is_taken(house, REFERENCE + fragment_of("x"))
    assert len(house.outside.asked) == asked
    house.outside.publish(REFERENCE, signed_request(nonce="changed").encode(), media_type=JAR)
    assert not await is_taken(house, good)


# covers: JAR-01
@requirement("JAR-10.4.1/caps")
@pytest.mark.parametrize("status", [None, 404, 500])
async def test_what_cannot_be_fetched_is_told_to_the_client_without_a_reason(
    house: House, status: int | None
) -> None:
    house.outside.break_off(REFERENCE, status)
    answer = returned(await Visitor(house).get(target()))
    assert answer["error"] == "invalid_request_uri"
    assert str(status) not in answer["error_description"]
    assert house.log.of("authorization.refused")[0]["detail"] == "the test broke it off"


# covers: JAR-01, JAR-04
@requirement("JAR-10.4.1/caps")
async def test_what_stands_there_is_judged_as_an_object_by_value_is(house: House) -> None:
    sound = signed_request().encode()
    cases = {
        "nothing": (b"", JAR, "invalid_request_object"),
        "a page": (b"<html>", JAR, "invalid_request_object"),
        "no text": (b"\xff\xfe", JAR, "invalid_request_object"),
        "too long a token": (b"a" * 16_385, JAR, "invalid_request_object"),
        "too long an answer": (b"a" * 20_000, JAR, "invalid_request_uri"),
        "called a page": (sound, "text/html", "invalid_request_uri"),
        "called JSON": (sound, "application/json", "invalid_request_uri"),
        "called nothing": (sound, "", "invalid_request_uri"),
        "another reference": (signed_request(request_uri=REFERENCE).encode(), JAR, "invalid_request_object"),
        "another key": (signed_request(Jwk.generate("ES256")).encode(), JAR, "invalid_request_object"),
        "expired": (signed_request(exp=NOW).encode(), JAR, "invalid_request_object"),
    }
    for name, (body, media_type, error) in cases.items():
        house.outside.publish(REFERENCE, body, media_type=media_type)
        assert await error_of(house) == error, name
    assert len(house.outside.asked) == len(cases)


# covers: JAR-01
async def test_the_keys_of_its_client_are_fetched_for_an_object_that_one_of_them_could_have_signed(
    house: House,
) -> None:
    published = "https://web.example/jwks.json"
    await house.commit(PutClient(replace(signing_client(), jwks=None, jwks_uri=published)))
    house.outside.publish_keys(published, JwkSet((client_key(),)))
    house.outside.publish(REFERENCE, b"e30.e30.", media_type=JAR)
    assert await error_of(house) == "invalid_request_object"
    assert [url for url, _ in house.outside.asked] == [REFERENCE]
    house.outside.publish(REFERENCE, signed_request().encode(), media_type=JAR)
    assert await is_taken(house)
    assert [url for url, _ in house.outside.asked] == [REFERENCE, REFERENCE, published]
    house.outside.break_off(published)
    house.clock.advance(10_000_000)
    house.outside.publish(REFERENCE, signed_request(exp=None).encode(), media_type=JAR)
    assert await error_of(house) == "invalid_request_object"


# covers: JAR-01
@requirement("JAR-10.4.1/flood")
async def test_nobody_makes_us_ask_a_stranger_s_address_as_often_as_they_like(house: House) -> None:
    stranger = SelfRegistration(NOW, TokenDigest(b"d" * 32))
    await house.commit(PutClient(replace(signing_client(), registration=stranger)))
    house.outside.publish(REFERENCE, b"nonsense", media_type=JAR)
    for _ in range(40):
        await Visitor(house).get(target())
    assert len(house.outside.asked) == 20
    assert {rules.lane for _, rules in house.outside.asked} == {Lane.STRANGERS}
    await Visitor(house, "198.51.100.7").get(target())
    assert len(house.outside.asked) == 21


# covers: RDR-10
async def test_the_address_in_a_fetched_object_counts(house: House) -> None:
    several = replace(signing_client(), redirect_uris=("https://web.example/callback", "https://web.example/b"))
    await house.commit(PutClient(several))
    text = signed_request(redirect_uri="https://web.example/b", scope='"')
    house.outside.publish(REFERENCE, text.encode(), media_type=JAR)
    found = await Visitor(house).get(target())
    assert (location_of(found) or "").startswith("https://web.example/b?error=invalid_scope")
    house.outside.publish(REFERENCE, signed_request(redirect_uri="https://evil.example/").encode(), media_type=JAR)
    assert error_page(await Visitor(house).get(target())).kind is ErrorKind.BAD_REDIRECT_URI


# covers: JAR-01
async def test_a_client_without_a_registered_address_is_asked_for_nothing(house: House) -> None:
    await let_sign(house, request_uris=())
    assert await error_of(house) == "invalid_request_uri"
    assert house.outside.asked == []


# covers: FLT-09
async def test_a_real_site_that_never_answers_holds_up_nobody_else(house: House, tmp_path: Path) -> None:
    reference = f"https://{HOST}/request.jwt"
    await let_sign(house, request_uris=(reference,))
    async with hostile_server(tmp_path) as site:
        guard = Guard(Openings.parse(["127.0.0.1"]), ca_file=site.ca_file)
        log = HouseLog()
        fetcher = GuardedFetcher(guard, log, resolver=Names({HOST: [["127.0.0.1"]]}, {443: site.port}))
        house.server = replace(house.server, outbound=fetcher)
        site.answers["/request.jwt"] = http(200, signed_request().encode(), media_type=JAR)
        login_page(await Visitor(house).visit(target(reference)))
        assert (site.connections, site.names) == (1, [HOST])
        assert "cookie:" not in site.heads[0].lower()
        site.gate = asyncio.Event()
        waiting = asyncio.create_task(Visitor(house).get(target(reference)))
        async with asyncio.timeout(20):
            while site.connections < 2:  # noqa: ASYNC110 - the site counts, and tells nobody
                await asyncio.sleep(0.005)
        login_page(await Visitor(house).authorize("spa"))
        assert not waiting.done()
        site.gate.set()
        await waiting
        site.answers["/request.jwt"] = http(302, b"", f"location: https://{HOST}/elsewhere")
        assert await error_of(house, reference) == "invalid_request_uri"
        assert site.paths[-1] == "/request.jwt"
        await fetcher.close()
