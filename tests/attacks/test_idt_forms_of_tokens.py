"""Attacks on how clients are told things: keys that are mistaken for others, and texts that are told in clear."""

import hmac
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from support.house import MAC_SECRET, House, build_house, claims_of, clients, document, end_users, segment
from support.knowing import make_pairwise, pairwise
from support.registering import refused, registered
from support.telling import decrypted, encryption_key, put, signed_claims, told_client
from support.visitor import Visitor, returned
from valetkey.authorization_server.client_algorithms import DEFAULT_ENCRYPTION
from valetkey.authorization_server.model import Client, RegistrationMode
from valetkey.authorization_server.policy import IMPLICIT
from valetkey.authorization_server.subject_identifier import subject_for
from valetkey.jose import JwkSet
from valetkey.oauth.types import ClientId, GrantType

ALICE = end_users()["alice"]
HYBRID = {"response_type": "code id_token", "response_mode": "fragment"}


@pytest.fixture
async def house() -> House:
    return await build_house(profile="OPENID")


def hybrid(client: Client) -> Client:
    return replace(client, grant_types=client.grant_types | {IMPLICIT, GrantType("authorization_code")})


async def asked(house: House, client: Client, **changes: str) -> dict[str, str]:
    """Let alice go the whole way for a client at the front channel, and return what it got."""
    await put(house, client)
    redirect_uri = client.redirect_uris[0]
    return await Visitor(house).granted(
        client.client_id, redirect_uri=redirect_uri, scope="openid", resource=None, **{**HYBRID, **changes}
    )


# --- in the front channel -----------------------------------------------------------------------------------


async def test_a_browser_carries_an_id_token_that_it_cannot_read(house: House) -> None:
    client = hybrid(told_client(id_token_encrypted_response_alg="ECDH-ES"))
    answer = await asked(house, client)
    inner = decrypted(answer["id_token"], "ECDH-ES", DEFAULT_ENCRYPTION)[1]
    assert (await signed_claims(house, inner, "ES256"))["sub"] == ALICE.subject


@pytest.mark.requirement("OIDCC-10.2/client-key")
async def test_without_a_key_the_browser_brings_an_error_and_nothing_in_clear(house: House) -> None:
    client = hybrid(told_client(id_token_encrypted_response_alg="ECDH-ES"))
    answer = await asked(house, replace(client, jwks=None, jwks_uri="https://mac.example/jwks"))
    assert answer["error"] == "temporarily_unavailable"
    assert answer["state"] == "state-1"
    assert {"code", "id_token", "access_token"}.isdisjoint(answer)


@pytest.mark.requirement("OIDCC-8/pairwise")
async def test_the_front_channel_tells_a_pairwise_client_no_other_name(house: House) -> None:
    client = hybrid(replace(pairwise(), consent=clients()["web"].consent))
    answer = await asked(house, client)
    assert claims_of(answer["id_token"])["sub"] == await subject_for(client, ALICE.subject, house.server)
    assert ALICE.subject not in str(claims_of(answer["id_token"]))


# --- hints --------------------------------------------------------------------------------------------------


async def hinted(visitor: Visitor, hint: str) -> dict[str, str]:
    return returned(
        await visitor.authorize("mac", prompt="none", id_token_hint=hint, scope="openid", resource=None)
    )


def under_mac(claims: dict[str, Any], octets: bytes) -> str:
    """Return what our own library refuses to make: a MAC whose key is the text of a public one."""
    header = segment(b'{"alg":"HS256","typ":"JWT"}')
    signed = f"{header}.{segment(msgspec.json.encode(claims))}"
    return f"{signed}.{segment(hmac.digest(octets, signed.encode(), 'sha256'))}"


async def test_a_hint_under_a_mac_is_known_by_the_secret_of_its_client_alone(house: House) -> None:
    await put(house, told_client("HS256"))
    visitor = Visitor(house)
    answer = await visitor.granted("mac", scope="openid", resource=None)
    good = document(await house.redeem(answer["code"], "mac"))["id_token"]
    assert "code" in await hinted(visitor, good)
    assert "code" in await hinted(visitor, under_mac(claims_of(good), MAC_SECRET.encode()))

    published = (await house.server.signer.public_keys()).as_dict()
    claims = claims_of(good)
    keys: list[Any] = [
        b"another secret of 32 characters and more",
        # The keys that everybody can read, as the key of a MAC (RFC 8725, 2.1).
        msgspec.json.encode(published),
        *(msgspec.json.encode(one) for one in published["keys"]),  # type: ignore[attr-defined]  # a list of objects
    ]
    for octets in keys:
        forged = under_mac(claims, octets)
        assert (await hinted(visitor, forged))["error"] == "invalid_request"


async def test_a_userinfo_jwt_is_no_hint(house: House) -> None:
    await put(house, told_client(userinfo_signed_response_alg="ES256"))
    visitor = Visitor(house)
    answer = await visitor.granted("mac", scope="openid", resource=None)
    tokens = document(await house.redeem(answer["code"], "mac"))
    told = (await house.bearer(tokens["access_token"])).body.decode()
    assert "code" in await hinted(visitor, tokens["id_token"])
    assert (await hinted(visitor, told))["error"] == "invalid_request"


async def test_a_public_name_is_no_hint_of_a_pairwise_client(house: House) -> None:
    """What it would learn by trying: whether the end-user whom another client told it of is here."""
    await put(house, replace(pairwise("mac"), scope=clients()["web"].scope))
    visitor = Visitor(house)
    answer = await visitor.granted("mac", scope="openid", resource=None)
    mine = claims_of(document(await house.redeem(answer["code"], "mac"))["id_token"])
    forged = await house.server.signer.sign({**mine, "sub": ALICE.subject}, typ="JWT", algorithm="ES256")
    assert (await hinted(visitor, forged))["error"] == "login_required"


# --- what strangers register --------------------------------------------------------------------------------


@pytest.fixture
async def open_house() -> House:
    return await build_house(profile="OPENID", registration=RegistrationMode.OPEN)


@pytest.mark.requirement("OIDCC-16.19/entropy")
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_secret_that_is_drawn_as_a_key_is_long_enough_for_every_mac(
    open_house: House, algorithm: str
) -> None:
    said = await registered(open_house, id_token_signed_response_alg=algorithm)
    assert len(said["client_secret"]) >= 64
    client = await open_house.stores.clients.find(ClientId(said["client_id"]))
    assert client is not None
    (secret,) = client.secrets
    assert open_house.server.sealed_secrets.open(client.client_id, secret).reveal() == said["client_secret"]
    assert secret.sealed is not None
    assert said["client_secret"].encode() not in secret.sealed


async def test_a_secret_that_is_no_key_is_kept_as_a_digest_alone(open_house: House) -> None:
    said = await registered(open_house)
    client = await open_house.stores.clients.find(ClientId(said["client_id"]))
    assert client is not None
    assert [secret.sealed for secret in client.secrets] == [None]


@pytest.mark.parametrize(
    "changes",
    [
        {"id_token_signed_response_alg": "none"},
        {"userinfo_signed_response_alg": "none"},
        {"id_token_signed_response_alg": "HS256", "token_endpoint_auth_method": "none"},
        {"userinfo_signed_response_alg": "HS512", "token_endpoint_auth_method": "none"},
        {"id_token_encrypted_response_alg": "dir", "token_endpoint_auth_method": "none"},
        {"id_token_encrypted_response_alg": "RSA1_5"},
        {"id_token_encrypted_response_alg": "PBES2-HS256+A128KW"},
        {"id_token_encrypted_response_alg": "ECDH-ES"},
        {"id_token_encrypted_response_enc": "A256GCM"},
        {"userinfo_encrypted_response_alg": "A128KW", "userinfo_encrypted_response_enc": "A64GCM"},
        {"subject_type": "pairwise", "redirect_uris": ["https://a.example/", "https://b.example/"]},
    ],
    ids=str,
)
@pytest.mark.requirement("OIDCC-8.1/several-hosts")
async def test_what_could_not_be_told_safely_is_refused_at_the_door(
    open_house: House, changes: dict[str, object]
) -> None:
    assert await refused(open_house, **changes) == (400, "invalid_client_metadata")


@pytest.mark.parametrize(
    "redirect_uris",
    [
        # Any application can have a scheme of its own, whatever host it writes behind it.
        ["com.evil.app://web.example/cb"],
        ["https://web.example/cb", "com.evil.app:/cb"],
        ["https://web.example/cb", "com.evil.app://web.example/cb"],
    ],
    ids=str,
)
@pytest.mark.requirement("OIDCC-8.1/several-hosts")
async def test_an_application_with_a_scheme_of_its_own_joins_the_sector_of_no_site(
    open_house: House, redirect_uris: list[str]
) -> None:
    changes = {"subject_type": "pairwise", "application_type": "native", "redirect_uris": redirect_uris}
    assert await refused(open_house, **changes) == (400, "invalid_client_metadata")


async def test_a_stranger_has_no_host_of_its_own_told_by_which_name_another_site_knows_somebody(
    open_house: House,
) -> None:
    """Its answers would go to the site, whose names are its sector's, and each logout to somebody else."""
    changes = {"subject_type": "pairwise", "redirect_uris": ["https://web.example/cb"]}
    elsewhere = {"backchannel_logout_uri": "https://evil.example/out"}
    assert await refused(open_house, **changes, **elsewhere) == (400, "invalid_client_metadata")
    assert await registered(open_house, **changes, backchannel_logout_uri="https://web.example:8443/out")
    assert await registered(open_house, **changes | {"subject_type": "public"}, **elsewhere)


async def test_a_stranger_cannot_have_us_encrypt_to_a_private_or_a_weak_key(open_house: House) -> None:
    private = encryption_key("ECDH-ES").as_private_dict()
    small = {"kty": "RSA", "alg": "RSA-OAEP", "e": "AQAB", "n": "x" * 86}
    for key in (private, small):
        changes = {"id_token_encrypted_response_alg": key["alg"], "jwks": {"keys": [key]}}
        assert await refused(open_house, **changes) == (400, "invalid_client_metadata")


# --- what is told of a secret -------------------------------------------------------------------------------


async def test_no_answer_and_no_line_of_the_log_shows_a_key(house: House) -> None:
    client = told_client("HS256", id_token_encrypted_response_alg="dir", userinfo_encrypted_response_alg="ECDH-ES")
    await put(house, replace(client, jwks=JwkSet(())))
    answer = await house.tokens("mac")
    response = await house.bearer(answer["access_token"])
    assert response.status == 503
    shown = f"{answer} {response.body!r} {house.log.events} {client!r}"
    assert MAC_SECRET not in shown


async def test_a_pairwise_client_is_logged_by_its_id_and_its_salt_by_nothing(house: House) -> None:
    await make_pairwise(house, "web")
    await house.tokens()
    salt = await house.server.pairwise_salt.read()
    assert salt.hex() not in f"{house.log.events} {house.server!r}"
    assert str(salt) not in repr(house.server.pairwise_salt)
