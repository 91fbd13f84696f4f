"""id_token_hint in every form in which a client holds its ID Tokens: it names an end-user and signs nobody in."""

from dataclasses import replace

import pytest

from support.house import (
    MAC_SECRET,
    NOW,
    House,
    build_house,
    claims_of,
    clients,
    document,
    own_key,
)
from support.requirement import requirement
from support.visitor import Visitor, consent_page, location_of, login_page, returned
from valetkey.authorization_server.decision import AddSigningKey, PutClient
from valetkey.authorization_server.key_changes import RemoveSigningKey, RetireSigningKey
from valetkey.authorization_server.model import Client, KeyState
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType
from valetkey.jose import Jwk, jwe, jwt
from valetkey.oauth.types import NumericDate


@pytest.fixture
async def house() -> House:
    return await build_house()


async def keep(house: House, client: Client) -> Client:
    await house.commit(PutClient(client))
    return client


async def hint_of(house: House, client_id: str = "web", username: str = "alice") -> str:
    """Return an ID Token that a client got earlier, in another browser."""
    visitor = Visitor(house)
    page = await visitor.sign_in(await visitor.authorize(client_id), username)
    code = returned(await visitor.consent(page) if location_of(page) is None else page)["code"]
    return str(document(await house.redeem(code, client_id))["id_token"])


async def silent(visitor: Visitor, hint: str, client_id: str = "web") -> str:
    """Return what a silent request with a hint leads to: a code, or the name of the error."""
    answer = returned(await visitor.authorize(client_id, prompt="none", id_token_hint=hint))
    return answer.get("error", "code")


async def judged(house: House, hint: str, client_id: str = "web") -> list[str]:
    """Return what a hint leads to where alice is signed in, where bob is, and where nobody is."""
    outcomes = []
    for username in ("alice", "bob"):
        visitor = Visitor(house)
        page = await visitor.sign_in(await visitor.authorize(client_id), username)
        if location_of(page) is None:
            await visitor.consent(page)
        outcomes.append(await silent(visitor, hint, client_id))
    return [*outcomes, await silent(Visitor(house), hint, client_id)]


NAMES_ALICE = ["code", "login_required", "login_required"]
REFUSED = ["invalid_request"] * 3


# covers: AUT-11
@requirement("OIDCC-3.1.2.1/id-token-hint")
async def test_a_hint_counts_while_its_key_is_published_and_no_longer(house: House) -> None:
    hint = await hint_of(house)
    kid = str(jwt.peek(hint).header["kid"])
    await house.commit(RetireSigningKey(kid, NOW), AddSigningKey(own_key("ES384")))
    await keep(house, replace(clients()["web"], id_token_signed_response_alg="ES384"))
    assert await judged(house, hint) == NAMES_ALICE
    await house.commit(RemoveSigningKey(kid, KeyState.RETIRED))
    # What nobody can verify any more could be anybody's.
    assert await judged(house, hint) == REFUSED


# covers: AUT-11
@requirement("OIDCC-3.1.2.2/hint-issuer")
async def test_a_hint_under_a_mac_is_verified_with_the_secret_of_its_client(house: House) -> None:
    mac = replace(clients()["mac"], scope=clients()["web"].scope, id_token_signed_response_alg="HS256")
    await keep(house, mac)
    ours = claims_of(await hint_of(house))
    claims = ours | {"aud": "mac"}
    good = jwt.sign(claims, Jwk.from_secret(MAC_SECRET.encode(), algorithm="HS256"), typ="JWT")
    visitor = Visitor(house)
    await visitor.granted()
    hinted = {"prompt": "none", "redirect_uri": mac.redirect_uris[0]}

    async def outcome(hint: str) -> str:
        answer = returned(await visitor.authorize("mac", id_token_hint=hint, **hinted))
        return answer.get("error", "code")

    assert await outcome(good) == "consent_required"
    assert await outcome(good.replace(good.split(".")[2], "A" * 43)) == "invalid_request"
    guess = Jwk.from_secret(b"g" * 64, algorithm="HS256")
    stronger = Jwk.from_secret(MAC_SECRET.encode(), algorithm="HS512")
    for key in (guess, stronger):
        assert await outcome(jwt.sign(claims, key, typ="JWT")) == "invalid_request"
    # The secret of one client is no key for another, and our own keys stay good for whoever asked for a MAC.
    other = jwt.sign(ours, Jwk.from_secret(MAC_SECRET.encode(), algorithm="HS256"), typ="JWT")
    assert await silent(visitor, other) == "invalid_request"
    before = await house.server.signer.sign(claims, typ="JWT", algorithm="ES256")
    assert await outcome(before) == "consent_required"


# covers: AUT-11
async def test_a_hint_that_is_encrypted_to_us_is_decrypted_and_then_judged(house: House) -> None:
    hint = await hint_of(house)
    await house.commit(AddSigningKey(own_key("ECDH-ES+A128KW")))
    recipient = next(
        key for key in (await house.server.signer.public_keys()).keys if key.algorithm == "ECDH-ES+A128KW"
    )

    def sealed(text: str, key: Jwk) -> str:
        return jwe.encrypt(text.encode(), key, encryption="A256GCM", header={"cty": "JWT"})

    assert await judged(house, sealed(hint, recipient)) == NAMES_ALICE
    forged = jwt.sign(claims_of(hint), Jwk.generate("ES256"), typ="JWT")
    for text in (sealed(forged, recipient), sealed(hint, Jwk.generate("ECDH-ES+A128KW").public()), "...."):
        assert await judged(house, text) == REFUSED


# covers: AUT-11
@requirement("OIDCC-3.1.2.1/id-token-hint")
async def test_a_hint_names_its_end_user_as_its_client_knows_them(house: House) -> None:
    pairwise = OpenIdMetadata(subject_type=SubjectType.PAIRWISE)
    await keep(house, replace(clients()["web"], openid=pairwise))
    hint = await hint_of(house)
    told = claims_of(hint)["sub"]
    assert told != "sub-alice"
    assert await judged(house, hint) == NAMES_ALICE
    # Our own name for an end-user is nobody's name at such a client.
    inner = await house.server.signer.sign(claims_of(hint) | {"sub": "sub-alice"}, typ="JWT", algorithm="ES256")
    assert await judged(house, inner) == ["login_required"] * 3
    visitor = Visitor(house)
    page = await visitor.authorize(id_token_hint=hint)
    assert "code" in returned(await visitor.sign_in(page, "alice"))


# covers: AUT-11
async def test_a_hint_signs_nobody_in_however_it_comes(house: House) -> None:
    hint = await hint_of(house)
    for method in ("GET", "POST"):
        visitor = Visitor(house)
        if method == "GET":
            found = await visitor.authorize(id_token_hint=hint)
        else:
            form = {"client_id": "web", "response_type": "code", "scope": "openid", "id_token_hint": hint}
            further = {"redirect_uri": "https://web.example/callback", "code_challenge": "c" * 43}
            found = await visitor.follow(
                await visitor.post("/authorize", {**form, **further, "code_challenge_method": "S256"})
            )
        login_page(found)
        assert await visitor.sessions() == []


# covers: AUT-11
async def test_a_hint_may_be_old_but_never_of_tomorrow(house: House) -> None:
    hint = await hint_of(house)
    house.clock.now = NumericDate(NOW + 10_000_000)
    assert await judged(house, hint) == NAMES_ALICE
    claims = claims_of(hint) | {"iat": house.clock.now + 100, "exp": house.clock.now + 900}
    tomorrow = await house.server.signer.sign(claims, typ="JWT", algorithm="ES256")
    assert await judged(house, tomorrow) == REFUSED


async def test_who_is_hinted_at_is_still_asked_for_consent(house: House) -> None:
    hint = await hint_of(house)
    visitor = Visitor(house)
    page = await visitor.sign_in(await visitor.authorize(id_token_hint=hint, prompt="login consent"))
    consent_page(page)
