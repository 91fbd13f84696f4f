"""Tokens that a client signs, taken off the wire and presented again in the last moment of their life."""

import pytest

from support.asking import bearing
from support.issuer import ISSUER, NOW, RESOURCE, TestIssuer
from valetkey.jose import Jwk, jwt
from valetkey.oauth.types import Scope
from valetkey.resource_server import (
    Allow,
    Challenge,
    FurtherSources,
    ResourceServer,
    Rule,
    TrustedClient,
    TrustedClients,
    TrustedIssuer,
)
from valetkey.resource_server.used_tokens import MemoryUsedTokens

pytestmark = pytest.mark.anyio

READ = Rule.requiring("albums.read")
SECRET = Jwk.from_secret(b"a secret of the batch client: 32 octets and more", algorithm="HS256")


@pytest.mark.parametrize("expires_at", [NOW + 0.9, NOW + 1, NOW + 1.5, NOW + 60])
async def test_a_token_counts_once_until_the_last_part_of_its_last_second(expires_at: float) -> None:
    clients = TrustedClients(
        RESOURCE,
        [TrustedClient("batch", (SECRET,), Scope.parse("albums.read"))],
        MemoryUsedTokens(clock=lambda: NOW),
        clock=lambda: NOW,
    )
    issuer = TrustedIssuer(issuer=ISSUER, resource=RESOURCE, keys=TestIssuer().source())
    server = ResourceServer(RESOURCE, [issuer], FurtherSources(clients=clients))
    claims = {"iss": "batch", "sub": "batch", "aud": RESOURCE, "iat": NOW - 1, "exp": expires_at, "jti": "1"}
    token = jwt.sign(claims, SECRET, typ="client-token+jwt")
    assert isinstance(await server.decide(bearing(token), READ), Allow)
    for _ in range(3):
        assert isinstance(await server.decide(bearing(token), READ), Challenge)
