"""npm openid-client 6 signs its end-user out, and npm jose judges the tokens that tell of it (OIDCBCL 2.6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from support.dev_server import DevServer
from support.logout_party import LogoutParty, logout_party
from support.node import NodePeer, PeerRefusal, node_peer
from support.person import Person, Sight

pytestmark = pytest.mark.interop

ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass
class Stage:
    dev: DevServer
    party: LogoutParty
    peer: NodePeer
    client_id: str
    algorithm: str

    def signed_in(self, person: Person) -> dict[str, Any]:
        """Sign in and let the client have its tokens."""
        url = self.peer.call("begin", redirect_uri=self.party.callback, scope="openid")
        sight = person.open(url)
        if "login-submit" in sight.ids:
            sight = person.sign_in(sight)
        tokens: dict[str, Any] = self.peer.call("finish", url=sight.url)
        return tokens

    def is_signed_in(self, person: Person) -> bool:
        """Ask without any page."""
        url = self.peer.call("begin", redirect_uri=self.party.callback, scope="openid", prompt="none")
        return "code=" in person.open(url).url

    def ended(self, person: Person, **parameters: str) -> Sight:
        """Send the browser to sign out and back to the client."""
        back = {"post_logout_redirect_uri": f"{self.party.origin}/bye", "state": "state-1"}
        return person.open(self.peer.call("end_session", **(back | parameters)))

    def told(self) -> str:
        """Wait for the next logout token."""
        assert self.party.arrived.wait(30)
        self.party.arrived.clear()
        return self.party.posted[-1]

    def judged(self, token: str, **changes: str) -> dict[str, Any]:
        """Let the library judge a logout token."""
        expected = {"issuer": self.dev.issuer, "audience": self.client_id, "algorithm": self.algorithm}
        expected["jwks_uri"] = self.dev.report["links"]["jwks"]
        claims: dict[str, Any] = self.peer.call("logged_out", token=token, **(expected | changes))
        return claims


@pytest.fixture(scope="module", params=ALGORITHMS)
def stage(dev: DevServer, request: pytest.FixtureRequest) -> Iterator[Stage]:
    client_id = f"npm-told-{request.param.lower()}"
    with logout_party() as party, node_peer("openid_client.mjs") as peer:
        view = dev.add_client(
            client_id,
            *("--redirect-uri", party.callback, "--post-logout-redirect-uri", f"{party.origin}/bye"),
            *("--grant-type", "authorization_code", "--scope", "openid", "--consent", "first_party"),
            *("--backchannel-logout-uri", f"{party.origin}/back", "--backchannel-logout-session-required"),
            *("--profile", "OPENID", "--id-token-signed-response-alg", request.param),
        )
        metadata = {"id_token_signed_response_alg": request.param}
        who = {"issuer": dev.issuer, "client_id": client_id, "secret": view["client_secret"]}
        peer.call("discover", **who, method="client_secret_basic", metadata=metadata)
        yield Stage(dev, party, peer, client_id, request.param)


# covers: LGO-05, LGO-06
def test_a_hint_signs_out_and_the_client_is_told_which_session_ended(stage: Stage) -> None:
    person = stage.dev.person()
    tokens = stage.signed_in(person)
    assert stage.is_signed_in(person)
    assert stage.ended(person, id_token_hint=tokens["id_token"]).url == f"{stage.party.origin}/bye?state=state-1"
    claims = stage.judged(stage.told())
    assert (claims["sid"], claims["sub"]) == (tokens["claims"]["sid"], tokens["claims"]["sub"])
    assert claims["events"] == {EVENT: {}}
    assert "nonce" not in claims
    assert not stage.is_signed_in(person)


# covers: LGO-06
def test_each_logout_has_a_token_of_its_own_for_its_own_client(stage: Stage) -> None:
    seen = []
    for _ in range(2):
        person = stage.dev.person()
        stage.ended(person, id_token_hint=stage.signed_in(person)["id_token"])
        seen.append(stage.told())
    assert len({stage.judged(token)["jti"] for token in seen}) == 2
    wrongs = ({"audience": "another"}, {"issuer": "https://another.example"}, {"algorithm": "ES512"})
    for wrong in wrongs:
        with pytest.raises(PeerRefusal):
            stage.judged(seen[0], **wrong)


def test_an_id_token_is_no_logout_token(stage: Stage) -> None:
    id_token = stage.signed_in(stage.dev.person())["id_token"]
    with pytest.raises(PeerRefusal) as refused:
        stage.judged(id_token)
    assert "typ" in str(refused.value)


# covers: LGO-01, LGO-02, LGO-03
def test_without_a_hint_of_its_session_a_logout_asks_and_a_strange_address_is_never_followed(stage: Stage) -> None:
    person = stage.dev.person()
    hint = stage.signed_in(person)["id_token"]
    forged = f"{hint.rpartition('.')[0]}.{'A' * 86}"
    for parameters in ({}, {"id_token_hint": forged}, {"client_id": "web"}):
        sight = stage.ended(person, **parameters)
        assert sight.status != 303
        assert stage.is_signed_in(person)
    sight = stage.ended(person, id_token_hint=hint, post_logout_redirect_uri=f"{stage.party.origin}/elsewhere")
    assert "logout-address-refused" in sight.ids
    done = person.submit(sight, "logout-confirm")
    assert done.status == 200
    assert "/elsewhere" not in done.url + done.text
    assert not stage.is_signed_in(person)
