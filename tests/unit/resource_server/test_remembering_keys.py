"""A guard that remembers what it verified judges everything else for each request."""

import asyncio
import json

import pytest

from support.asking import bearing
from support.issuer import ISSUER, NOW, RESOURCE, TestIssuer
from valetkey.jose import AsyncRemoteJwkSet, ConfigurationError, JwkSet, VerifiedJwt
from valetkey.jose.remote import FetchAnswer, FetchRequest
from valetkey.jose.verified_tokens import TokenVerifier
from valetkey.oauth.status_list import StatusReference
from valetkey.resource_server import Allow, Deny, ResourceServer, RevocationSources, Rule
from valetkey.resource_server.remembering import RememberingKeys
from valetkey.resource_server.revocation_view import StatusUnavailable

AS = TestIssuer()
READ = Rule.requiring("albums.read")
STATUS = {"status": {"status_list": {"idx": 1, "uri": f"{ISSUER}/status/1"}}}

pytestmark = pytest.mark.anyio


class Published:
    """The issuer's keys at a time that a test moves, and how often a signature was looked at."""

    def __init__(self) -> None:
        self.now, self.keys, self.verified = NOW, JwkSet((AS.key.public(),)), set[int]()
        self.remote = AsyncRemoteJwkSet(f"{ISSUER}/jwks", fetch=self.fetch, clock=lambda: self.now)

    async def fetch(self, _request: FetchRequest) -> FetchAnswer:
        await asyncio.sleep(0)
        body = json.dumps(self.keys.as_dict()).encode()
        return FetchAnswer(200, {"content-type": "application/json", "cache-control": "max-age=60"}, body)

    async def verify(self, verifier: TokenVerifier, token: str, now: int | None = None) -> VerifiedJwt:
        del now
        verified = await self.remote.verify(verifier, token, self.now)
        self.verified.add(id(verified))
        return verified


class Statuses:
    """The issuer's status list."""

    def __init__(self) -> None:
        self.revoked: bool | None = False

    async def is_revoked(self, _reference: StatusReference) -> bool:
        if self.revoked is None:
            raise StatusUnavailable
        return self.revoked


def _guard(published: Published, statuses: Statuses | None = None) -> ResourceServer:
    return ResourceServer.of_issuer(
        issuer=ISSUER,
        resource=RESOURCE,
        keys=RememberingKeys(published),
        revocations=RevocationSources(statuses or Statuses()),
    )


async def test_a_token_that_comes_again_passes_without_its_signature() -> None:
    published = Published()
    guard, token = _guard(published), AS.token()
    outcomes = [await guard.decide(bearing(token), READ) for _ in range(5)]
    assert all(isinstance(outcome, Allow) and outcome.token.subject == "alice" for outcome in outcomes)
    assert len(published.verified) == 1


async def test_a_revoked_token_is_refused_although_it_is_remembered() -> None:
    published, statuses = Published(), Statuses()
    guard, token = _guard(published, statuses), AS.token(STATUS)
    assert isinstance(await guard.decide(bearing(token), READ), Allow)
    statuses.revoked = True
    outcome = await guard.decide(bearing(token), READ)
    assert isinstance(outcome, Deny)
    assert (outcome.status, outcome.error) == (401, "invalid_token")
    statuses.revoked = None
    outcome = await guard.decide(bearing(token), READ)
    assert isinstance(outcome, Deny)
    assert outcome.status == 503
    assert len(published.verified) == 1


async def test_a_remembered_token_dies_with_its_expiry_and_with_its_key() -> None:
    published = Published()
    guard, token = _guard(published), AS.token({"exp": NOW + 30})
    assert isinstance(await guard.decide(bearing(token), READ), Allow)
    published.now = NOW + 30
    assert isinstance(await guard.decide(bearing(token), READ), Deny)
    long_lived = AS.token({"exp": NOW + 3_600})
    assert isinstance(await guard.decide(bearing(long_lived), READ), Allow)
    published.keys, published.now = JwkSet((TestIssuer().key.public(),)), NOW + 120
    assert isinstance(await guard.decide(bearing(long_lived), READ), Deny)


async def test_the_scope_is_judged_for_each_route() -> None:
    guard, token = _guard(Published()), AS.token()
    assert isinstance(await guard.decide(bearing(token), READ), Allow)
    outcome = await guard.decide(bearing(token), Rule.requiring("albums.write"))
    assert isinstance(outcome, Deny)
    assert outcome.status == 403


async def test_each_guard_remembers_for_itself() -> None:
    keys = RememberingKeys(Published())
    one = ResourceServer.of_issuer(
        issuer=ISSUER, resource=RESOURCE, keys=keys, revocations=RevocationSources(Statuses())
    )
    other = ResourceServer.of_issuer(
        issuer=ISSUER, resource="https://other.example", keys=keys, revocations=RevocationSources(Statuses())
    )
    token = AS.token()
    assert isinstance(await one.decide(bearing(token), READ), Allow)
    assert isinstance(await other.decide(bearing(token), READ), Deny)
    assert isinstance(await one.decide(bearing(token), READ), Allow)


async def test_a_size_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        RememberingKeys(Published(), size=1)
