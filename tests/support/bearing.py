"""An issuer elsewhere that is trusted here, and a client that presents its assertions."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from support.house import API, SECRET, Answer, House, basic, build_house, clients, document
from valetkey.authorization_server.decision import PutClient, PutTrustedIssuer
from valetkey.authorization_server.grants.jwt_bearer import JWT_BEARER
from valetkey.authorization_server.model import Client
from valetkey.authorization_server.trusted_issuer import SubjectMatch, TrustedIssuer
from valetkey.jose import Jwk, JwkSet, jwt
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, Scope

THEIR_ISSUER = "https://idp.example"
THEIR_KEYS = "https://idp.example/keys.json"


@functools.cache
def their_key() -> Jwk:
    """Return the private key of the issuer."""
    return Jwk.generate("ES256", kid="theirs")


def presenter(client_id: str = "importer") -> Client:
    """Return a client that redeems assertions."""
    return replace(
        clients()["machine"],
        client_id=ClientId(client_id),
        grant_types=frozenset({JWT_BEARER}),
        scope=Scope.parse("openid albums.read albums.write"),
        resources=(API,),
    )


def trusted(**changes: Any) -> TrustedIssuer:
    """Return the trusted issuer: who is `42` there is alice here."""
    row = TrustedIssuer(
        THEIR_ISSUER,
        (ClientId("importer"),),
        Scope.parse("albums.read"),
        jwks=JwkSet((their_key().public(),)),
        subject_match=SubjectMatch.LISTED,
        subjects={"42": "alice"},
    )
    return replace(row, **changes)


async def build_bearer(profile: str = "OAUTH_2_1", **changes: Any) -> House:
    """Return a house with the client and the trusted issuer, `changes` replacing fields of the latter."""
    house = await build_house(profile=profile)
    await house.commit(PutClient(presenter()), PutTrustedIssuer(trusted(**changes)))
    return house


def assertion(house: House, changes: Mapping[str, object | None] | None = None, key: Jwk | None = None) -> str:
    """Return a new assertion; `changes` replace claims, None leaves one out."""
    claims: dict[str, object | None] = {
        "iss": THEIR_ISSUER,
        "sub": "42",
        "aud": house.server.issuer.url,
        "exp": house.clock.now + 60,
        "iat": house.clock.now,
        "jti": house.clock().identifier("their assertion"),
    }
    merged = {name: value for name, value in (claims | dict(changes or {})).items() if value is not None}
    return jwt.sign(merged, key or their_key(), typ="JWT")


async def bear(
    house: House, presented: str, client_id: str = "importer", /, **changes: str | Iterable[str]
) -> HttpResponse:
    """Present an assertion."""
    form = {"grant_type": str(JWT_BEARER), "assertion": presented, **changes}
    return await house.post("/token", form, basic(client_id, SECRET))


async def borne(house: House, presented: str, **changes: str) -> Answer:
    """Return the answer to an assertion that is good."""
    response = await bear(house, presented, **changes)
    assert response.status == 200, response.body
    return document(response)
