"""npm openid-client 6 over https, with none of its checks loosened: it trusts the throw-away authority, no more."""

import os
from collections.abc import Iterator

import pytest

from support.dev_server import DevServer, running_dev
from support.node import PeerRefusal, node_peer

pytestmark = pytest.mark.interop

CALLBACK = "http://localhost:3000/callback"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("tls") / "state", "--tls") as running:
        yield running


def test_over_https_the_client_gets_tokens_and_userinfo(tls: DevServer) -> None:
    assert tls.ca_file is not None
    secret = tls.client("web")["client_secret"]
    with node_peer("openid_client.mjs", {**os.environ, "NODE_EXTRA_CA_CERTS": tls.ca_file}) as peer:
        peer.call("discover", issuer=tls.issuer, client_id="web", method="client_secret_basic", secret=secret)
        url = peer.call("begin", redirect_uri=CALLBACK, scope="openid email albums.read", resource=tls.api)
        person = tls.person()
        sight = person.submit(person.sign_in(person.open(url)), "consent-allow")
        tokens = peer.call("finish", url=sight.url)
        known = peer.call("userinfo", access_token=tokens["access_token"], subject=tokens["claims"]["sub"])
        called = peer.call("call_api", access_token=tokens["access_token"], url=f"{tls.api}/albums")
    assert tokens["claims"]["iss"] == tls.issuer
    assert known["email"] == "alice@example.com"
    assert called["status"] == 200


def test_a_client_that_does_not_trust_the_authority_learns_nothing(tls: DevServer) -> None:
    with node_peer("openid_client.mjs") as peer, pytest.raises(PeerRefusal) as refused:
        peer.call("discover", issuer=tls.issuer, client_id="spa", method="none")
    assert "certificate" in refused.value.facts["cause"]
