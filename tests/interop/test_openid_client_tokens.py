"""npm openid-client 6 asks the running server about tokens, and gives them back (RFC 7662, RFC 7009)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.dev_server import DevServer
from support.node import NodePeer, PeerRefusal, node_peer

pytestmark = pytest.mark.interop

CALLBACK = "http://localhost:3999/callback"
NOTES = "https://notes.example"


@contextmanager
def discovered(dev: DevServer, client_id: str, secret: str) -> Iterator[NodePeer]:
    with node_peer("openid_client.mjs") as peer:
        peer.call("discover", issuer=dev.issuer, client_id=client_id, method="client_secret_basic", secret=secret)
        yield peer


@pytest.fixture(scope="module")
def secrets(dev: DevServer) -> dict[str, str]:
    """Return the secrets of an API with opaque tokens, of a machine that calls it, and of a web application."""
    speaker = ("--access-token-format", "opaque", "--introspection-client", "notes-api")
    dev.command("resource", "add", NOTES, "--scope", "notes.read=Read your notes", *speaker)
    return {
        "notes-api": dev.add_client("notes-api", "--grant-type", "")["client_secret"],
        "notes-sync": dev.add_client(
            *("notes-sync", "--grant-type", "client_credentials", "--scope", "notes.read", "--resource", NOTES)
        )["client_secret"],
        "notes-web": dev.add_client(
            *("notes-web", "--redirect-uri", CALLBACK, "--scope", "openid email offline_access notes.read"),
            *("--grant-type", "authorization_code", "--grant-type", "refresh_token", "--resource", NOTES),
        )["client_secret"],
    }


def test_an_api_is_told_about_its_tokens_until_their_client_gives_them_back(
    dev: DevServer, secrets: dict[str, str]
) -> None:
    with (
        discovered(dev, "notes-sync", secrets["notes-sync"]) as machine,
        discovered(dev, "notes-api", secrets["notes-api"]) as api,
    ):
        token = machine.call("client_credentials", scope="notes.read")["access_token"]
        assert token.startswith("vk_at_")
        said = api.call("introspect", token=token, token_type_hint="refresh_token")
        assert (said["active"], said["aud"], said["scope"]) == (True, NOTES, "notes.read")
        assert (said["client_id"], said["sub"], said["token_type"]) == ("notes-sync", "notes-sync", "Bearer")
        assert machine.call("introspect", token=token)["active"] is True
        assert machine.call("revoke", token=token) == {}
        assert api.call("introspect", token=token) == {"active": False}
        assert machine.call("revoke", token=token) == {}


def test_a_refresh_token_given_back_ends_what_the_end_user_granted(dev: DevServer, secrets: dict[str, str]) -> None:
    with (
        discovered(dev, "notes-web", secrets["notes-web"]) as web,
        discovered(dev, "notes-api", secrets["notes-api"]) as api,
    ):
        person = dev.person()
        scope = "openid email offline_access notes.read"
        sight = person.sign_in(person.open(web.call("begin", redirect_uri=CALLBACK, scope=scope, prompt="consent")))
        tokens = web.call("finish", url=person.submit(sight, "consent-allow").url)
        said = api.call("introspect", token=tokens["access_token"])
        assert (said["active"], said["client_id"], said["sub"]) == (True, "notes-web", tokens["claims"]["sub"])
        assert api.call("introspect", token=tokens["refresh_token"]) == {"active": False}
        assert web.call("introspect", token=tokens["refresh_token"])["active"] is True
        with pytest.raises(PeerRefusal) as foreign:
            api.call("revoke", token=tokens["refresh_token"])
        assert (foreign.value.error, foreign.value.facts["status"]) == ("invalid_grant", 400)

        web.call("revoke", token=tokens["refresh_token"])
        assert api.call("introspect", token=tokens["access_token"]) == {"active": False}
        with pytest.raises(PeerRefusal) as refused:
            web.call("refresh", refresh_token=tokens["refresh_token"])
        assert refused.value.error == "invalid_grant"
