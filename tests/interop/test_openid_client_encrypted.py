"""npm openid-client 6 is told things encrypted: it decrypts, verifies, and compares both with each other."""

import json
from pathlib import Path

import pytest

from support.dev_server import DevServer
from support.node import PeerRefusal, node_peer
from valetkey.jose import Jwk

pytestmark = pytest.mark.interop

CALLBACK = "http://localhost:3999/callback"
FORMS = (
    ("RSA-OAEP", "A128CBC-HS256", "RS256"),
    ("RSA-OAEP-384", "A192CBC-HS384", "Ed25519"),
    ("RSA-OAEP-512", "A128GCM", "RS256"),
    ("ECDH-ES", "A256CBC-HS512", "ES256"),
)


def add(dev: DevServer, tmp_path: Path, client_id: str, key: Jwk, **members: str) -> str:
    """Register a client with its public key, and return its secret."""
    published = tmp_path / "jwks.json"
    published.write_text(json.dumps({"keys": [key.public().as_dict()]}))
    options = [f"--{name.replace('_', '-')}={value}" for name, value in members.items()]
    added = dev.add_client(
        client_id, "--redirect-uri", CALLBACK, "--scope", "openid email", "--jwks", str(published), *options
    )
    return str(added["client_secret"])


@pytest.mark.parametrize(("alg", "enc", "signing"), FORMS)
@pytest.mark.requirement("OIDCC-2/nested")
@pytest.mark.requirement("OIDCC-5.3.2/nested")
def test_both_come_signed_and_encrypted(dev: DevServer, tmp_path: Path, alg: str, enc: str, signing: str) -> None:
    client_id, key = f"sealed-{alg.lower().replace('+', '-')}", Jwk.generate(alg)
    members = {
        "id_token_signed_response_alg": signing,
        "id_token_encrypted_response_alg": alg,
        "id_token_encrypted_response_enc": enc,
        "userinfo_signed_response_alg": signing,
        "userinfo_encrypted_response_alg": alg,
        "userinfo_encrypted_response_enc": enc,
    }
    secret = add(dev, tmp_path, client_id, key, **members)
    with node_peer("openid_client.mjs") as peer:
        given = {"issuer": dev.issuer, "client_id": client_id, "method": "client_secret_basic", "secret": secret}
        peer.call("discover", **given, metadata=members)
        peer.call("decrypting", jwk=key.as_private_dict(), enc=enc)
        person = dev.person()
        sight = person.sign_in(person.open(peer.call("begin", redirect_uri=CALLBACK, scope="openid email")))
        tokens = peer.call("finish", url=person.submit(sight, "consent-allow").url)
        told = peer.call("userinfo", access_token=tokens["access_token"], subject=tokens["claims"]["sub"])

    assert tokens["id_token"].count(".") == 4
    assert tokens["claims"]["aud"] == client_id
    assert (told["sub"], told["aud"]) == (tokens["claims"]["sub"], client_id)
    assert "@" in told["email"]


def test_a_client_with_another_key_opens_nothing(dev: DevServer, tmp_path: Path) -> None:
    key, other = (Jwk.generate("ECDH-ES", kid="1") for _ in range(2))
    members = {"id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A256GCM"}
    secret = add(dev, tmp_path, "sealed-for-another", key, **members)
    with node_peer("openid_client.mjs") as peer:
        given = {"issuer": dev.issuer, "client_id": "sealed-for-another", "method": "client_secret_basic"}
        peer.call("discover", **given, secret=secret, metadata=members)
        peer.call("decrypting", jwk=other.as_private_dict(), enc="A256GCM")
        person = dev.person()
        sight = person.sign_in(person.open(peer.call("begin", redirect_uri=CALLBACK, scope="openid email")))
        with pytest.raises(PeerRefusal) as refused:
            peer.call("finish", url=person.submit(sight, "consent-allow").url)
    assert refused.value.facts["code"] == "OAUTH_DECRYPTION_FAILED"


@pytest.mark.requirement("OIDCC-8/pairwise")
def test_two_sites_are_told_of_one_end_user_by_two_names(dev: DevServer) -> None:
    subjects = {}
    for host, kind in (("localhost", "pairwise"), ("127.0.0.1", "pairwise"), ("localhost", "public")):
        client_id, callback = f"site-{kind}-{host}", f"http://{host}:3999/callback"
        added = dev.add_client(
            client_id, "--redirect-uri", callback, "--scope", "openid email", "--subject-type", kind
        )
        with node_peer("openid_client.mjs") as peer:
            secret = added["client_secret"]
            given = {
                "issuer": dev.issuer,
                "client_id": client_id,
                "method": "client_secret_basic",
                "secret": secret,
            }
            peer.call("discover", **given)
            person = dev.person()
            sight = person.sign_in(person.open(peer.call("begin", redirect_uri=callback, scope="openid email")))
            tokens = peer.call("finish", url=person.submit(sight, "consent-allow").url)
            subjects[client_id] = tokens["claims"]["sub"]
            told = peer.call("userinfo", access_token=tokens["access_token"], subject=subjects[client_id])
            assert told["sub"] == subjects[client_id]
            refreshed = tokens.get("refresh_token")
            assert (
                refreshed is None or peer.call("refresh", refresh_token=refreshed)["claims"]["sub"] == told["sub"]
            )
    assert len(set(subjects.values())) == 3
