"""Hostile assertions: forged, foreign, replayed, for the wrong audience, or for whoever may have nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from support.bearing import (
    THEIR_ISSUER,
    THEIR_KEYS,
    assertion,
    bear,
    borne,
    build_bearer,
    presenter,
    their_key,
    trusted,
)
from support.house import ISSUER, House, client_key, document, end_users
from valetkey.authorization_server.decision import PutClient, PutEndUser, PutTrustedIssuer, RemoveTrustedIssuer
from valetkey.authorization_server.trusted_issuer import SubjectMatch, TrustedIssuer, trusted_issuer_faults
from valetkey.jose import Jwk, JwkSet
from valetkey.jose.jwt import sign
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, Scope, Seconds

pytestmark = pytest.mark.anyio


def _refused(response: HttpResponse, error: str = "invalid_grant") -> None:
    assert (response.status, document(response)["error"]) == (400, error)
    assert ("cache-control", "no-store") in response.headers


TOKEN_ENDPOINT = ISSUER.endpoint("/token")
CLAIMS: dict[str, Callable[[House], dict[str, object | None]]] = {
    "no issuer": lambda _: {"iss": None},
    "an unknown issuer": lambda _: {"iss": "https://evil.example"},
    "an issuer that is no text": lambda _: {"iss": [THEIR_ISSUER]},
    "an issuer with a slash": lambda _: {"iss": THEIR_ISSUER + "/"},
    "no subject": lambda _: {"sub": None},
    "a subject of no table": lambda _: {"sub": "43"},
    "the name of an end-user": lambda _: {"sub": "alice"},
    "no audience": lambda _: {"aud": None},
    "another audience": lambda _: {"aud": "https://other.example"},
    "our token endpoint": lambda _: {"aud": TOKEN_ENDPOINT},
    "our audience with a slash": lambda _: {"aud": ISSUER.url + "/"},
    "no expiry": lambda _: {"exp": None},
    "an expiry that is over": lambda house: {"exp": house.clock.now},
    "an expiry in an hour": lambda house: {"exp": house.clock.now + 3_600},
    "not before tomorrow": lambda house: {"nbf": house.clock.now + 86_400},
    "made tomorrow": lambda house: {"iat": house.clock.now + 86_400},
    "no jti": lambda _: {"jti": None},
    "a jti that is a number": lambda _: {"jti": 7},
    "a nonce": lambda _: {"nonce": "of an ID Token"},
    "events": lambda _: {"events": {}},
}


# covers: TEX-05
@pytest.mark.requirement("RFC7523-3/issuer")
@pytest.mark.requirement("RFC7523-3/audience")
@pytest.mark.requirement("RFC7523-3/expiration")
@pytest.mark.requirement("RFC7523-3/not-before")
@pytest.mark.requirement("RFC7523-3/lifetime")
@pytest.mark.requirement("RFC7523-3.1/invalid-grant")
@pytest.mark.parametrize("what", CLAIMS)
async def test_an_assertion_whose_claims_are_not_good_buys_nothing(what: str) -> None:
    house = await build_bearer()
    _refused(await bear(house, assertion(house, CLAIMS[what](house))))
    assert (await bear(house, assertion(house))).status == 200


# covers: TEX-05
@pytest.mark.requirement("RFC7523-3/signature")
@pytest.mark.parametrize("key", [Jwk.generate("ES256", kid="theirs"), client_key(), Jwk.generate("RS256")])
async def test_an_assertion_of_another_key_buys_nothing(key: Jwk) -> None:
    house = await build_bearer()
    _refused(await bear(house, assertion(house, key=key)))


# covers: TEX-05
async def test_an_algorithm_that_the_issuer_does_not_use_is_refused() -> None:
    house = await build_bearer(algorithms=("RS256",))
    _refused(await bear(house, assertion(house)))


# covers: TEX-05
@pytest.mark.parametrize("text", ["", "x", "a.b.c", "e30.e30.", "." * 5_000, "\u00e9.\u00e9.\u00e9"])
async def test_what_is_no_assertion_buys_nothing(text: str) -> None:
    house = await build_bearer()
    _refused(await bear(house, text), "invalid_grant" if text else "invalid_request")


# covers: TEX-05
async def test_an_expired_key_at_the_issuer_is_no_key() -> None:
    house = await build_bearer(jwks=None, jwks_uri=THEIR_KEYS)
    house.outside.publish_keys(THEIR_KEYS, JwkSet((Jwk.generate("ES256", kid="new"),)))
    _refused(await bear(house, assertion(house)))


# covers: TEX-05
async def test_keys_that_cannot_be_fetched_prove_nothing_and_use_nothing_up() -> None:
    house = await build_bearer(jwks=None, jwks_uri=THEIR_KEYS)
    house.outside.break_off(THEIR_KEYS, 500)
    presented = assertion(house)
    _refused(await bear(house, presented))
    await house.commit(PutTrustedIssuer(trusted()))
    assert (await bear(house, presented)).status == 200


# covers: TEX-05
@pytest.mark.requirement("RFC7523-3/jti")
async def test_an_assertion_is_good_once() -> None:
    house = await build_bearer()
    presented = assertion(house)
    await borne(house, presented)
    _refused(await bear(house, presented))
    house.clock.advance(59)
    _refused(await bear(house, presented))


# covers: TEX-05
async def test_of_many_at_once_one_wins() -> None:
    house = await build_bearer()
    presented = assertion(house)
    answers = await asyncio.gather(*(bear(house, presented) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 19


# covers: TEX-05
async def test_two_issuers_do_not_share_their_identifiers() -> None:
    house = await build_bearer()
    other = trusted(issuer="https://other.example")
    await house.commit(PutTrustedIssuer(other))
    await borne(house, assertion(house, {"jti": "one"}))
    await borne(house, assertion(house, {"jti": "one", "iss": "https://other.example"}))


# covers: TEX-05
@pytest.mark.requirement("RFC7521-5.2/subject")
async def test_a_disabled_end_user_gets_nothing() -> None:
    house = await build_bearer()
    await house.commit(PutEndUser(replace(end_users()["alice"], disabled=True)))
    _refused(await bear(house, assertion(house)))


# covers: TEX-05
async def test_a_disabled_client_gets_nothing() -> None:
    house = await build_bearer()
    await house.commit(PutClient(replace(presenter(), disabled=True)))
    response = await bear(house, assertion(house))
    assert (response.status, document(response)["error"]) == (401, "invalid_client")


# covers: TEX-05
async def test_an_issuer_that_is_disabled_or_removed_is_trusted_no_longer() -> None:
    house = await build_bearer()
    await house.commit(PutTrustedIssuer(trusted(disabled=True)))
    _refused(await bear(house, assertion(house)))
    await house.commit(PutTrustedIssuer(trusted()))
    assert (await bear(house, assertion(house))).status == 200
    await house.commit(RemoveTrustedIssuer(THEIR_ISSUER))
    _refused(await bear(house, assertion(house)))


# covers: TEX-05
async def test_a_client_that_is_not_listed_learns_nothing_of_whom_we_trust() -> None:
    house = await build_bearer()
    await house.commit(PutClient(presenter("other")))
    known = await bear(house, assertion(house), "other")
    unknown = await bear(house, assertion(house, {"iss": "https://evil.example"}), "other")
    _refused(known)
    assert known.body == unknown.body


async def test_our_token_endpoint_is_an_audience_where_the_profile_says_so() -> None:
    house = await build_bearer("OPENID")
    assert (await bear(house, assertion(house, {"aud": TOKEN_ENDPOINT}))).status == 200
    assert (await bear(house, assertion(house, {"aud": [ISSUER.url, "https://other.example"]}))).status == 200


@pytest.mark.parametrize("scope", ["albums.write", "openid", "offline_access", "orders.read"])
async def test_no_more_is_bought_than_the_operator_lets_this_issuer_sell(scope: str) -> None:
    house = await build_bearer()
    _refused(await bear(house, assertion(house), scope=scope), "invalid_scope")


async def test_a_token_of_ours_is_no_assertion() -> None:
    house = await build_bearer()
    tokens = await house.tokens("web")
    for name in ("access_token", "id_token"):
        _refused(await bear(house, str(tokens[name])))


async def test_a_signature_with_our_own_key_in_the_name_of_the_issuer_is_forged() -> None:
    house = await build_bearer()
    claims = {"iss": THEIR_ISSUER, "sub": "42", "aud": ISSUER.url, "exp": house.clock.now + 60, "jti": "1"}
    _refused(await bear(house, await house.server.signer.sign(claims, typ="JWT", algorithm="ES256")))
    _refused(await bear(house, sign(claims, their_key(), typ="at+jwt")))


@pytest.mark.parametrize(
    ("field", "row"),
    [
        ("issuer", trusted(issuer="")),
        ("issuer", trusted(issuer="two words")),
        ("clients", trusted(clients=())),
        ("scope", trusted(scope=Scope())),
        ("jwks", trusted(jwks=None)),
        ("jwks", trusted(jwks_uri=THEIR_KEYS)),
        ("jwks_uri", trusted(jwks=None, jwks_uri="http://idp.example/keys")),
        ("jwks_uri", trusted(jwks=None, jwks_uri="https://idp.example:bad/keys")),
        ("jwks", trusted(jwks=JwkSet((Jwk.generate("HS256"),)))),
        ("algorithms", trusted(algorithms=())),
        ("algorithms", trusted(algorithms=("HS256",))),
        ("algorithms", trusted(algorithms=("none",))),
        ("subject_claim", trusted(subject_claim="")),
        ("subjects", trusted(subjects={})),
        ("subjects", trusted(subject_match=SubjectMatch.SUBJECT)),
        ("assertion_lifetime", trusted(assertion_lifetime=Seconds(3_601))),
    ],
)
async def test_an_unsound_issuer_is_not_kept(field: str, row: TrustedIssuer) -> None:
    assert field in {fault.field for fault in trusted_issuer_faults(row)}
    assert trusted_issuer_faults(trusted(clients=(ClientId("a"),))) == ()


@pytest.mark.requirement("RFC7523-3/subject")
@pytest.mark.parametrize("name", ["\uff41lice", "\u24d0lice", "alice ", " alice", "al\u2170ce"])
async def test_a_name_that_only_folds_to_an_end_users_is_not_theirs(name: str) -> None:
    house = await build_bearer(subject_match=SubjectMatch.USERNAME, subject_claim="upn", subjects={})

    _refused(await bear(house, assertion(house, {"upn": name})))
    await borne(house, assertion(house, {"upn": "Alice"}))
