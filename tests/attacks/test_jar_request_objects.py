"""Request objects that are unsigned, foreign, expired, replayed or of another kind: nothing is granted by them."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from support.house import (
    API,
    ISSUER,
    NOW,
    House,
    build_house,
    client_key,
    clients,
    digest_of,
    encode_form,
    own_key,
)
from support.request_objects import TYP, let_sign, mac_key, request_claims, signed_request, signing_client
from support.requirement import requirement
from support.visitor import Visitor, consent_page, error_page, location_of, login_page, returned
from valetkey.authorization_server.decision import AddSigningKey, PutClient
from valetkey.authorization_server.pages import ErrorKind
from valetkey.jose import Jwk, JwkSet, jwe, jws, jwt
from valetkey.jose.encoding import b64url_decode, b64url_encode, json_octets
from valetkey.jose.jwe import Compression
from valetkey.oauth.pkce import challenge_of

Fault = dict[str, Any]


@pytest.fixture(params=["OAUTH_2_1", "OPENID"])
async def house(request: pytest.FixtureRequest) -> House:
    house = await build_house(profile=request.param)
    await let_sign(house)
    return house


@pytest.fixture
async def strict_house() -> House:
    house = await build_house()
    await let_sign(house)
    return house


def target(text: str, **outer: str | None) -> str:
    parameters = {"client_id": "web", "redirect_uri": "https://web.example/callback", "state": "outer", **outer}
    sent = {name: value for name, value in parameters.items() if value is not None}
    return "/authorize?" + encode_form({**sent, "request": text}).decode()


async def error_of(house: House, text: str, **outer: str | None) -> str:
    """Return the error that the client is told, at the redirect URI beside the object."""
    answer = returned(await Visitor(house).get(target(text, **outer)))
    assert set(answer) == {"error", "error_description", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("outer", ISSUER.url)
    return answer["error"]


async def is_taken(house: House, text: str) -> bool:
    """Say whether an object leads to the sign-in page; the only other outcome is its refusal."""
    found = await Visitor(house).get(target(text))
    location = location_of(found) or ""
    if location.startswith("/login?"):
        return True
    assert returned(found)["error"] == "invalid_request_object"
    return False


def unsigned(algorithm: str = "none", typ: str = "JWT") -> str:
    header = b64url_encode(json_octets({"alg": algorithm, "typ": typ}))
    return f"{header}.{b64url_encode(json_octets(request_claims()))}."


def signed_by(key: Jwk, header: dict[str, object], claims: dict[str, object]) -> str:
    return jws.sign_compact(json_octets(claims), key, header=header)


def bomb(recipient: Jwk) -> str:
    header = {"typ": TYP, "cty": "JWT"}
    zeros = b"0" * 5_000_000
    return jwe.encrypt(zeros, recipient, encryption="A128GCM", header=header, compression=Compression.DEFLATE)


@requirement("JAR-6.2/signature")
async def test_a_sound_object_leads_to_the_sign_in_page(house: House) -> None:
    for typ in (TYP, f"application/{TYP}", "JWT", "OAuth-Authz-Req+JWT"):
        assert await is_taken(house, signed_request(typ=typ))
    untyped = jws.sign_compact(json_octets(request_claims()), client_key(), header={})
    assert await is_taken(house, untyped)


# covers: JAR-01, JWS-30
@requirement("JAR-5/signed")
@requirement("JAR-6.2/signature")
@requirement("JAR-6.2/key")
@requirement("JAR-6.2/algorithm")
@requirement("JAR-6.3/client-id")
@requirement("JAR-10.8")
@requirement("OIDCC-6.3.2/signature")
@pytest.mark.parametrize(
    "fault",
    [
        {"aud": "https://other.example"},
        {"aud": ISSUER.url + "/"},
        {"aud": []},
        {"aud": None, "sub": "web"},
        {"iss": "spa"},
        {"iss": "https://as.example"},
        {"client_id": "spa"},
        {"client_id": "spa", "iss": "spa"},
        {"client_id": ["web"]},
        {"sub": "web"},
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": "tomorrow"},
        {"exp": True},
        {"nbf": NOW + 100},
        {"nbf": [NOW]},
        {"iat": NOW + 100},
        {"jti": 7},
        {"jti": "1", "exp": NOW + 100_000},
        {"events": {}},
        {"code": "x"},
        {"htm": "GET"},
        {"auth_time": NOW},
        {"token_introspection": {}},
        {"response_type": ["code"]},
        {"scope": ["openid"]},
        {"redirect_uri": {}},
        {"state": 7},
        {"prompt": False},
        {"max_age": True},
        {"max_age": [1]},
        {"claims": 7},
        {"resource": [API, 7]},
        {"resource": {"a": API}},
        {f"member_{number}": "x" for number in range(101)},
    ],
    ids=lambda fault: str(fault)[:60],
)
async def test_an_object_that_is_not_the_clients_for_us_and_now_is_refused(house: House, fault: Fault) -> None:
    assert await error_of(house, signed_request(**fault)) == "invalid_request_object"
    assert house.log.of("authorization.refused")[0]["detail"]


# covers: JAR-01
@requirement("JAR-4/claims")
@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "client_id"])
async def test_without_openid_connect_an_object_says_from_whom_for_whom_and_until_when(
    strict_house: House, claim: str
) -> None:
    fault: Fault = {claim: None}
    assert await error_of(strict_house, signed_request(**fault)) == "invalid_request_object"


# covers: JAR-01
@requirement("JAR-5/signed")
@pytest.mark.parametrize(
    "text",
    [
        unsigned(),
        unsigned("NONE"),
        unsigned("none", TYP),
        unsigned("ES256"),
        "e30.e30.",
        "nonsense",
        "a" * 7_000,
        "..",
        "....",
        "\x00",
        b64url_encode(json_octets(request_claims())),
    ],
    ids=lambda text: text[:20],
)
async def test_an_object_without_a_signature_is_refused(house: House, text: str) -> None:
    assert await error_of(house, text) == "invalid_request_object"


# covers: JAR-01
@requirement("JAR-6.2/key")
async def test_only_a_key_of_the_client_signs_for_it(house: House) -> None:
    ours = (await house.server.signer.public_keys()).keys[0]
    foreign = Jwk.generate("ES256", kid=client_key().kid)
    claims = request_claims()
    texts = {
        "another key": jwt.sign(claims, Jwk.generate("ES256"), typ=TYP),
        "another key of the client's kid": jwt.sign(claims, foreign, typ=TYP),
        "an unknown kid": jwt.sign(claims, replace_kid(client_key(), "other"), typ=TYP),
        "our own key": await house.server.signer.sign(claims, typ=TYP, algorithm="ES256"),
        "a MAC under a public key": jwt.sign(claims, Jwk.from_secret(public_octets(), algorithm="HS256"), typ=TYP),
        "its key in the header": signed_by(foreign, {"typ": TYP, "jwk": foreign.public().as_dict()}, claims),
        "a cut signature": signed_request()[:-4],
        "two members of one name": jws.sign_compact(
            json_octets(claims)[:-1] + b',"scope":"openid albums.read albums.write"}',
            client_key(),
            header={"typ": TYP},
        ),
        "an access token's typ": signed_request(typ="at+jwt"),
        "a proof's typ": signed_request(typ="dpop+jwt"),
    }
    assert ours.kid != client_key().kid
    for name, text in texts.items():
        assert await error_of(house, text) == "invalid_request_object", name


# covers: JAR-01
async def test_a_client_without_keys_signs_nothing(house: House) -> None:
    await house.commit(PutClient(replace(signing_client(), jwks=None)))
    assert await error_of(house, signed_request()) == "invalid_request_object"


# covers: JAR-01
@requirement("OIDCC-6.3.2/alg")
async def test_a_registered_algorithm_is_the_only_one(house: House) -> None:
    for registered in ("ES384", "none", "HS256", "nonsense"):
        await let_sign(house, request_object_signing_alg=registered)
        assert await error_of(house, signed_request()) == "invalid_request_object"
    await let_sign(house, request_object_signing_alg="ES256")
    assert await is_taken(house, signed_request())


# covers: JAR-01
async def test_a_client_with_a_sealed_secret_signs_with_it(house: House) -> None:
    mac = replace(clients()["mac"], scope=signing_client().scope)
    await house.commit(PutClient(mac))
    members: Fault = {
        "client_id": "mac",
        "iss": "mac",
        "redirect_uri": "https://mac.example/callback",
        "scope": "albums.read",
    }
    outer = {"client_id": "mac", "redirect_uri": "https://mac.example/callback"}
    for algorithm in ("HS256", "HS384", "HS512"):
        text = signed_request(mac_key(algorithm), **members)
        assert (location_of(await Visitor(house).get(target(text, **outer))) or "").startswith("/login?")
    other = Jwk.from_secret(b"s" * 64, algorithm="HS256")
    refused = returned(await Visitor(house).get(target(signed_request(other, **members), **outer)))
    assert refused["error"] == "invalid_request_object"
    # A secret that is kept as a digest is no key of anything.
    guess = Jwk.from_secret(clients()["web"].secrets[0].digest.value, algorithm="HS256")
    assert await error_of(house, signed_request(guess)) == "invalid_request_object"


# covers: JAR-04
@requirement("JAR-4/nested")
@pytest.mark.parametrize("name", ["request", "request_uri"])
async def test_an_object_holds_no_other_object(house: House, name: str) -> None:
    for value in (signed_request(), "https://web.example/request.jwt", ""):
        nested: Fault = {name: value}
        assert await error_of(house, signed_request(**nested)) == "invalid_request_object"


# covers: JAR-04
@requirement("JAR-6.1")
@requirement("OIDCC-6.3.1")
async def test_what_is_encrypted_to_us_is_judged_by_the_signature_inside(house: House) -> None:
    await house.commit(AddSigningKey(own_key("ECDH-ES+A128KW")), AddSigningKey(own_key("RSA-OAEP-256")))
    published = (await house.server.signer.public_keys()).keys
    recipients = [key for key in published if key.algorithm in {"ECDH-ES+A128KW", "RSA-OAEP-256"}]
    assert len(recipients) == 2
    header = {"typ": TYP, "cty": "JWT"}

    def sealed(text: str, recipient: Jwk, enc: str = "A256GCM") -> str:
        return jwe.encrypt(text.encode("latin-1"), recipient, encryption=enc, header=header)

    for recipient in recipients:
        for enc in ("A256GCM", "A128CBC-HS256"):
            assert await is_taken(house, sealed(signed_request(), recipient, enc))
        foreign = Jwk.generate(recipient.algorithm, kid=recipient.kid)
        faults = {
            "another signature": sealed(signed_request(Jwk.generate("ES256")), recipient),
            "no signature": sealed(unsigned(), recipient),
            "plain claims": sealed(json_octets(request_claims()).decode(), recipient),
            "encrypted twice": sealed(sealed(signed_request(), recipient), recipient),
            "a bomb": bomb(recipient),
            "no text": sealed("\xff\xfe", recipient),
            "another recipient": sealed(signed_request(), foreign.public()),
            "cut": sealed(signed_request(), recipient)[:-4],
            "no parts": "....",
        }
        for name, text in faults.items():
            assert await error_of(house, text) == "invalid_request_object", name


# covers: JAR-04
@requirement("JAR-6.1")
async def test_without_a_key_of_ours_nothing_encrypted_is_taken(house: House) -> None:
    recipient = Jwk.generate("ECDH-ES+A128KW")
    header = {"typ": TYP, "cty": "JWT"}
    sealed = jwe.encrypt(signed_request().encode(), recipient.public(), encryption="A128GCM", header=header)
    for text in (sealed, bomb(recipient.public())):
        assert await error_of(house, text) == "invalid_request_object"


# covers: JAR-01
@requirement("JAR-5/exclusive")
async def test_an_object_comes_in_one_way(house: House) -> None:
    both = await error_of(house, signed_request(), request_uri="https://web.example/request.jwt")
    assert both == "invalid_request"
    assert house.outside.asked == []
    repeated = target(signed_request()) + "&request=" + signed_request()
    assert returned(await Visitor(house).get(repeated))["error"] == "invalid_request"


# covers: RDR-10, JAR-01
async def test_nobody_is_sent_to_an_address_that_only_an_unbelieved_object_names(house: House) -> None:
    evil = signed_request(Jwk.generate("ES256"), redirect_uri="https://evil.example/")
    page = error_page(await Visitor(house).get(target(evil, redirect_uri="https://evil.example/")))
    assert page.kind is ErrorKind.BAD_REDIRECT_URI
    several = replace(signing_client(), redirect_uris=("https://web.example/callback", "https://web.example/b"))
    await house.commit(PutClient(several))
    page = error_page(await Visitor(house).get(target(evil, redirect_uri=None)))
    assert (page.kind, page.code) == (ErrorKind.BAD_REQUEST, "invalid_request_object")
    unknown = error_page(await Visitor(house).get(target(evil, client_id="nobody")))
    assert unknown.kind is ErrorKind.UNKNOWN_CLIENT
    nameless = error_page(await Visitor(house).get(target(evil, client_id=None)))
    assert nameless.kind is ErrorKind.UNKNOWN_CLIENT


# covers: RDR-10
async def test_a_believed_object_that_names_a_foreign_address_sends_nobody_there(house: House) -> None:
    page = error_page(await Visitor(house).get(target(signed_request(redirect_uri="https://evil.example/"))))
    assert page.kind is ErrorKind.BAD_REDIRECT_URI


# covers: JAR-01
@requirement("JAR-10.2/replay")
async def test_an_object_with_a_number_is_answered_once(house: House) -> None:
    text = signed_request(jti="only once")
    visitor = Visitor(house)
    page = await visitor.sign_in(await visitor.visit(target(text)))
    assert "code" in returned(await visitor.consent(page))
    for again in (visitor, Visitor(house)):
        assert returned(await again.get(target(text)))["error"] == "invalid_request_object"
    house.clock.advance(299)
    assert returned(await visitor.get(target(text)))["error"] == "invalid_request_object"
    assert "code" in returned(await visitor.visit(target(signed_request(jti="another"))))


# covers: JAR-01
@requirement("JAR-10.2/replay")
async def test_a_browser_may_come_again_with_an_object_until_it_is_answered(house: House) -> None:
    text = signed_request(jti="1")
    visitor = Visitor(house)
    first = login_page(await visitor.visit(target(text)))
    second = await visitor.visit(target(text))
    page = await visitor.sign_in(second)
    # The other tab is still open: what is answered last gets nothing.
    other = await visitor.visit("/authorize?" + encode_form(dict(first.form.hidden)).decode())
    consent_page(other)
    assert "code" in returned(await visitor.consent(page))
    assert returned(await visitor.consent(other))["error"] == "invalid_request_object"


# covers: JAR-01
@requirement("JAR-10.2/replay")
async def test_an_object_that_expires_while_its_end_user_reads_is_still_answered_once(house: House) -> None:
    text = signed_request(jti="1", exp=NOW + 10)
    early, late = Visitor(house), Visitor(house)
    pages = [await visitor.sign_in(await visitor.visit(target(text))) for visitor in (early, late)]
    house.clock.advance(800)
    assert "code" in returned(await early.consent(pages[0]))
    assert returned(await late.consent(pages[1]))["error"] == "invalid_request_object"


# covers: JAR-01
@requirement("JAR-10.2/replay")
async def test_of_many_at_once_one_object_is_answered_once(house: House) -> None:
    visitors = [Visitor(house) for _ in range(5)]
    for visitor in visitors:
        await visitor.granted()
    text = signed_request(jti="1")
    found = await asyncio.gather(*(visitor.visit(target(text)) for visitor in visitors))
    errors = sorted(returned(answer).get("error", "code") for answer in found)
    assert errors == ["code", *["invalid_request_object"] * 4]


# covers: JAR-01
async def test_what_fails_uses_up_no_number(house: House) -> None:
    failing = signed_request(jti="1", resource="https://elsewhere.example/")
    assert returned(await Visitor(house).get(target(failing)))["error"] == "invalid_target"
    assert await is_taken(house, signed_request(jti="1"))


# covers: JAR-01
@requirement("JAR-6.3/only")
async def test_what_stands_beside_an_object_does_not_count(strict_house: House) -> None:
    visitor = Visitor(strict_house)
    await visitor.granted()
    outer = {
        "scope": "openid albums.read albums.write",
        "prompt": "none",
        "nonce": "other",
        "code_challenge": challenge_of("w" * 43),
        "resource": "https://elsewhere.example/",
    }
    answer = returned(await visitor.visit(target(signed_request(), **outer)))
    assert answer["state"] == "state-1"
    assert (await strict_house.redeem(answer["code"])).status == 200
    bare = signed_request(code_challenge=None, code_challenge_method=None)
    refused = returned(await visitor.get(target(bare, code_challenge=challenge_of("v" * 43))))
    assert refused["error"] == "invalid_request"


# covers: JAR-01
@requirement("JAR-10.5")
async def test_a_client_that_promised_to_sign_never_asks_by_plain_parameters(house: House) -> None:
    await let_sign(house, require_signed_request_object=True)
    visitor = Visitor(house)
    assert returned(await visitor.authorize())["error"] == "invalid_request"
    # The mark of a verified object is ours alone: no name that a browser sends makes one.
    for mark in ("-", f"{digest_of('x').hex()} 1"):
        forged = returned(await visitor.authorize(**{"request object": mark}))
        assert forged["error"] == "invalid_request"
    # Nothing is taken from beside the object either, under any profile.
    bare = signed_request(response_type=None)
    assert returned(await visitor.get(target(bare, response_type="code")))["error"] == "invalid_request"
    assert await is_taken(house, signed_request())


# covers: JAR-01
async def test_an_expired_page_offers_no_way_to_begin_a_signed_request_without_its_signature(house: House) -> None:
    visitor = Visitor(house)
    signed = login_page(await visitor.visit(target(signed_request())))
    plain = login_page(await visitor.authorize())
    house.clock.advance(10_000)
    handles = [encode_form(dict(page.form.hidden)).decode() for page in (signed, plain)]
    ways = [error_page(await visitor.get(f"/authorize?{handle}")).way_on for handle in handles]
    assert ways[0] is None
    assert ways[1] is not None


# covers: JAR-01
async def test_a_request_is_what_it_was_when_it_came(house: House) -> None:
    visitor = Visitor(house)
    page = await visitor.sign_in(await visitor.visit(target(signed_request())))
    # The client's key is gone, and its object has expired: both were judged when the request began.
    house.clock.advance(600)
    await house.commit(PutClient(replace(signing_client(), jwks=JwkSet((Jwk.generate("ES256").public(),)))))
    assert "code" in returned(await visitor.consent(page))


async def test_a_cross_site_post_of_an_object_is_entered_again_without_it(house: House) -> None:
    visitor = Visitor(house)
    body = {"client_id": "web", "request": signed_request(jti="1"), "redirect_uri": "https://web.example/callback"}
    found = await visitor.post("/authorize", body)
    assert (location_of(found) or "").startswith("/authorize?interaction=")
    page = await visitor.sign_in(await visitor.follow(found))
    assert "code" in returned(await visitor.consent(page))


def public_octets() -> bytes:
    """Return all that everybody knows of the client's key."""
    public = client_key().public().as_dict()
    return b64url_decode(str(public["x"])) + b64url_decode(str(public["y"]))


def replace_kid(original: Jwk, kid: str) -> Jwk:
    return Jwk.parse({**original.as_private_dict(), "kid": kid})
