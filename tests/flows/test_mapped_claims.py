"""A resource server gets the claims, the algorithm and the encryption that it asks for, whatever the grant."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support.asking import bearing
from support.house import API, OTHER_API, House, build_house, claims_of, clients, document, end_users, resources
from support.introspecting import ALBUMS_API, give_back, introspecting_house, told
from valetkey.authorization_server.claim_rule import ClaimRule
from valetkey.authorization_server.decision import BumpGeneration, PutClient, PutEndUser, PutResource
from valetkey.authorization_server.model import AccessTokenFormat, Resource
from valetkey.jose import InvalidToken, Jwk, JwkSet, VerifiedJwt, Verifier, jwt
from valetkey.jose.jwe import Decrypter
from valetkey.resource_server import Allow, DecryptingKeys, Deny, ResourceServer, RevocationSources, Rule

if TYPE_CHECKING:
    from valetkey.oauth.http import HttpResponse

RULES = (
    ClaimRule("roles", "user.roles"),
    ClaimRule("department", "user.claims.department"),
    ClaimRule("tier", "client.attributes.tier"),
    ClaimRule("contact", "user.email", "email"),
)
ALBUMS, ORDERS = resources()
KEY = Jwk.generate("ECDH-ES+A256KW", kid="albums-1", curve="P-256")
READ = Rule.requiring("albums.read")


async def mapping_house(**changes: object) -> House:
    house = await build_house()
    await house.commit(
        PutResource(replace(ALBUMS, claims=RULES, **changes)),  # type: ignore[arg-type]  # a test names fields
        PutClient(replace(clients()["web"], attributes={"tier": "gold"})),
        PutClient(replace(clients()["machine"], attributes={"tier": "iron"})),
    )
    await with_end_user(house, roles=frozenset({"editor"}), claims={"department": "Books"})
    return house


async def with_end_user(house: House, **changes: object) -> None:
    await house.commit(PutEndUser(replace(end_users()["alice"], **changes)))  # type: ignore[arg-type]  # as above


async def test_a_token_for_an_end_user_tells_what_its_resource_server_wants() -> None:
    house = await mapping_house()

    claims = claims_of((await house.tokens())["access_token"])

    assert (claims["roles"], claims["department"], claims["tier"]) == (["editor"], "Books", "gold")
    assert claims["sub"] == "sub-alice"


async def test_a_client_that_acts_for_itself_has_no_end_users_claims() -> None:
    house = await mapping_house()

    answer = document(await house.token("machine", {"grant_type": "client_credentials", "resource": API}))

    claims = claims_of(answer["access_token"])
    assert claims["tier"] == "iron"
    assert {"roles", "department", "contact"}.isdisjoint(claims)


# covers: REF-07
async def test_a_refresh_tells_what_is_so_by_then() -> None:
    house = await mapping_house()
    answer = await house.tokens()
    await with_end_user(house, roles=frozenset({"admin"}))

    refreshed = document(await house.refresh(answer["refresh_token"]))

    claims = claims_of(refreshed["access_token"])
    assert claims["roles"] == ["admin"]
    assert "department" not in claims


async def test_a_token_for_another_resource_server_does_not_tell_them() -> None:
    house = await mapping_house()

    answer = document(await house.token("machine", {"grant_type": "client_credentials", "resource": OTHER_API}))

    assert "tier" not in claims_of(answer["access_token"])


async def test_of_an_opaque_token_introspection_tells_what_is_so_at_that_moment() -> None:
    house = await introspecting_house()
    resource = replace(
        ALBUMS,
        access_token_format=AccessTokenFormat.OPAQUE,
        introspection_client_ids=(ALBUMS_API.client_id,),
        claims=RULES,
    )
    await house.commit(PutResource(resource))
    await with_end_user(house, roles=frozenset({"editor"}))
    token = (await house.tokens())["access_token"]
    before = await told(house, token)
    await with_end_user(house, roles=frozenset({"admin"}))

    after = await told(house, token)

    assert (before["roles"], after["roles"]) == (["editor"], ["admin"])
    assert after["sub"] == before["sub"] == "sub-alice"


@pytest.mark.parametrize("algorithm", ["RS256", "Ed25519"])
async def test_a_resource_server_chooses_the_algorithm_of_its_tokens(algorithm: str) -> None:
    house = await mapping_house(signing_alg=algorithm)

    token = (await house.tokens())["access_token"]

    assert header_of(token)["alg"] == algorithm
    assert (await house.bearer(token)).status == 200


async def test_one_token_cannot_suit_two_resource_servers_that_want_it_written_differently() -> None:
    house = await mapping_house(signing_alg="RS256")
    await house.commit(PutClient(replace(clients()["machine"], resources=())))
    both = {"grant_type": "client_credentials", "resource": (API, OTHER_API)}

    refused = await house.token("machine", both)
    one = await house.token("machine", {**both, "resource": API})

    assert (refused.status, document(refused)["error"]) == (400, "invalid_target")
    assert "one of them at a time" in document(refused)["error_description"]
    assert one.status == 200


async def test_a_code_whose_resources_do_not_go_together_is_not_used_up_by_the_refusal() -> None:
    house = await mapping_house(signing_alg="RS256")
    code = await house.code(resources=(API, OTHER_API))

    refused: HttpResponse = await house.redeem(code)
    one = await house.redeem(code, resource=API)

    assert (refused.status, document(refused)["error"]) == (400, "invalid_target")
    assert one.status == 200


# --- tokens that are encrypted for their resource server ---------------------------------------------------


class HouseKeys:
    """The published keys of a house, at its own time."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        del now
        keys = await self._house.server.signer.public_keys()
        return verifier.verify(token, keys, now=self._house.clock.now)


class NoStatus:
    """A status source of tests that are not about revocation."""

    async def is_revoked(self, reference: object) -> bool:
        del reference
        return False


def decrypter_of(key: Jwk = KEY) -> Decrypter:
    return Decrypter(keys=JwkSet((key,)), algorithms=["ECDH-ES+A256KW"], encryptions=["A256GCM"])


def api_of(house: House, key: Jwk = KEY) -> ResourceServer:
    keys = DecryptingKeys(HouseKeys(house), decrypter_of(key))
    return ResourceServer.of_issuer(
        issuer=house.server.issuer.url, resource=API, keys=keys, revocations=RevocationSources(NoStatus())
    )


async def encrypting_house() -> House:
    house = await introspecting_house(AccessTokenFormat.JWT)
    await house.commit(PutResource(encrypted()))
    return house


def encrypted() -> Resource:
    speakers = (ALBUMS_API.client_id,)
    return replace(ALBUMS, encryption_jwks=JwkSet((KEY.public(),)), introspection_client_ids=speakers, claims=RULES)


async def test_a_resource_server_with_an_encryption_key_gets_tokens_that_only_it_can_read() -> None:
    house = await encrypting_house()
    await with_end_user(house, roles=frozenset({"editor"}))

    token = (await house.tokens())["access_token"]

    assert token.count(".") == 4
    header = header_of(token)
    assert (header["alg"], header["enc"], header["cty"], header["typ"]) == (
        "ECDH-ES+A256KW", "A256GCM", "JWT", "at+jwt",
    )  # fmt: skip
    decision = await api_of(house).decide(bearing(token), READ)
    assert isinstance(decision, Allow)
    assert decision.token.claims["roles"] == ["editor"]


async def test_a_guard_with_another_key_and_one_that_gets_only_a_signature_refuse() -> None:
    house = await encrypting_house()
    token = (await house.tokens())["access_token"]
    other = Jwk.generate("ECDH-ES+A256KW", kid="albums-1", curve="P-256")
    signed = jwt.opened_jwt(token, decrypter_of())

    wrong_key = await api_of(house, other).decide(bearing(token), READ)
    only_signed = await api_of(house).decide(bearing(signed), READ)

    assert isinstance(wrong_key, Deny)
    assert isinstance(only_signed, Deny)
    assert wrong_key.status == only_signed.status == 401


async def test_what_a_stranger_encrypted_is_refused_because_nobody_of_ours_signed_it() -> None:
    house = await encrypting_house()
    token = (await house.tokens())["access_token"]
    claims = dict(jwt.peek(jwt.opened_jwt(token, decrypter_of())).claims)
    forged = jwt.sign_then_encrypt(claims, Jwk.generate("ES256", kid="x"), KEY.public(), typ="at+jwt")

    assert isinstance(await api_of(house).decide(bearing(forged), READ), Deny)
    with pytest.raises(InvalidToken):
        await DecryptingKeys(HouseKeys(house), decrypter_of()).verify(
            Verifier.access_token(issuer=house.server.issuer.url, audience=API, algorithms=["ES256"]), forged
        )


async def test_an_encrypted_token_is_introspected_used_at_userinfo_and_given_back_like_any_other() -> None:
    house = await encrypting_house()
    token = (await house.tokens())["access_token"]
    assert (await told(house, token))["sub"] == "sub-alice"
    assert (await house.bearer(token)).status == 200

    assert (await give_back(house, token)).status == 200

    assert await told(house, token) == {"active": False}
    assert (await house.bearer(token)).status == 401


async def test_an_encrypted_token_dies_with_its_end_users_generation() -> None:
    house = await encrypting_house()
    token = (await house.tokens())["access_token"]

    await house.commit(BumpGeneration("subject", "sub-alice"))

    assert await told(house, token) == {"active": False}


async def test_a_text_that_only_looks_encrypted_is_unknown() -> None:
    house = await encrypting_house()

    for text in ("a.b.c.d.e", "....", "eyJ." * 4 + "x"):
        assert await told(house, text) == {"active": False}
        assert (await house.bearer(text)).status == 401


async def test_large_claims_are_told_and_noted_in_the_log() -> None:
    house = await mapping_house()
    await with_end_user(house, claims={"department": "x" * 3_000})

    token = (await house.tokens())["access_token"]

    assert len(str(claims_of(token)["department"])) == 3_000
    (noted,) = house.log.of("token.large")
    assert (noted["client_id"], noted["resource"]) == ("web", API)
    assert int(noted["octets"] or 0) > 3_000


def header_of(token: str) -> dict[str, object]:
    segment = token.partition(".")[0]
    header: dict[str, object] = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return header
