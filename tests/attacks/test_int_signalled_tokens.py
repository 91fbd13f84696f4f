"""Opaque tokens and API keys of somebody of whom the signals of another vendor told: not only JWTs die by them."""

import pytest

from support.asking import bearing
from support.issuer import ISSUER, NOW, RESOURCE, TestIssuer
from valetkey.oauth.access_token import AccessToken, access_token_from_claims
from valetkey.oauth.status_list import StatusReference
from valetkey.resource_server import (
    Allow,
    Challenge,
    FurtherSources,
    RequestView,
    ResourceServer,
    RevocationSources,
    Rule,
    TrustedIssuer,
)
from valetkey.resource_server.feed_following import Verdict

pytestmark = pytest.mark.anyio

READ = Rule.requiring("albums.read")
KEY = "vk_ak_" + "k" * 43
OPAQUE = "vk_at_" + "o" * 43


class Issuer:
    """Says that whatever it is asked about lives, and is Ada's."""

    async def introspect(self, token: str) -> AccessToken | None:
        return access_token_from_claims(
            {
                "iss": ISSUER,
                "sub": "ada",
                "client_id": "web",
                "aud": RESOURCE,
                "exp": NOW + 300,
                "iat": NOW,
                "jti": "1",
                "scope": "albums.read",
                "credential": "api_key" if token == KEY else "access_token",
            }
        )

    introspect_anew = introspect


class Signals:
    """Signals by which the account of `dead` was disabled."""

    def __init__(self, dead: str) -> None:
        self._dead = dead

    def judge(self, token: AccessToken) -> Verdict:
        return Verdict.REVOKED if token.subject == self._dead else Verdict.UNKNOWN


class NoLists:
    async def is_revoked(self, reference: StatusReference) -> bool:
        del reference
        return False


def _server(dead: str) -> ResourceServer:
    issuer = TrustedIssuer(
        issuer=ISSUER,
        resource=RESOURCE,
        keys=TestIssuer().source(),
        introspection=Issuer(),
        revocations=RevocationSources(NoLists(), signals=Signals(dead)),
    )
    return ResourceServer(RESOURCE, [issuer], FurtherSources(api_keys=Issuer()))


# covers: INT-07
@pytest.mark.parametrize(
    "request_", [bearing(OPAQUE), bearing(KEY), RequestView(headers=[(b"x-api-key", KEY.encode())])]
)
async def test_what_only_its_issuer_can_explain_dies_by_a_signal_as_well(request_: RequestView) -> None:
    assert isinstance(await _server("ada").decide(request_, READ), Challenge)
    assert isinstance(await _server("bob").decide(request_, READ), Allow)
