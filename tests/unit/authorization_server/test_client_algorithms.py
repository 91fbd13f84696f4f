"""Which algorithms a client may register for what it is told, and what it needs for them."""

from dataclasses import replace
from typing import Any

import pytest

from support.house import MAC_SECRET, clients
from support.telling import encryption_key, told_client
from valetkey.authorization_server.client_algorithms import (
    ENCRYPTION_ALGORITHMS,
    MAC_ALGORITHMS,
    SecretUse,
    algorithm_faults,
    secret_faults,
    secret_use_of,
)
from valetkey.authorization_server.client_text import derived_key
from valetkey.authorization_server.model import Client
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType
from valetkey.jose import Jwk, JwkSet
from valetkey.oauth.types import SecretText

OURS = ("RS256", "ES256")
WEB, SPA = clients()["web"], clients()["spa"]
ELSEWHERE = ("https://web.example/callback", "https://other.example/callback")
RSA = JwkSet((encryption_key("RSA-OAEP").public(),))


def fields_at_fault(client: Client) -> list[str]:
    return [fault.field for fault in algorithm_faults(client, OURS)]


def web(id_token_alg: str = "ES256", **members: Any) -> Client:
    return replace(WEB, id_token_signed_response_alg=id_token_alg, openid=OpenIdMetadata(**members))


@pytest.mark.parametrize("name", ["none", "HS1", "ES512", "RSA-OAEP", "", "rs256"])
@pytest.mark.requirement("OIDCR-2/id-token-none")
def test_an_id_token_is_never_left_unsigned_nor_signed_by_what_we_have_no_key_for(name: str) -> None:
    assert fields_at_fault(web(name)) == ["id_token_signed_response_alg"]


@pytest.mark.parametrize("name", ["none", "ES512", "ECDH-ES", ""])
def test_userinfo_is_signed_by_what_we_have_a_key_for(name: str) -> None:
    assert fields_at_fault(web(userinfo_signed_response_alg=name)) == ["userinfo_signed_response_alg"]


@pytest.mark.requirement("OIDCC-10.1/public-mac")
@pytest.mark.parametrize("name", MAC_ALGORITHMS)
def test_a_public_client_has_no_secret_to_share_a_mac(name: str) -> None:
    assert fields_at_fault(replace(SPA, id_token_signed_response_alg=name)) == ["id_token_signed_response_alg"]


@pytest.mark.requirement("OIDCC-10.2/public-symmetric")
@pytest.mark.parametrize("name", ["A128KW", "A256GCMKW", "dir"])
def test_a_public_client_has_no_secret_to_derive_a_key_from(name: str) -> None:
    openid = OpenIdMetadata(id_token_encrypted_response_alg=name)
    assert fields_at_fault(replace(SPA, openid=openid)) == ["id_token_encrypted_response_alg"]


def test_a_client_that_authenticates_by_a_key_of_its_own_has_no_secret_either() -> None:
    client = replace(clients()["assertion"], id_token_signed_response_alg="HS256")
    assert fields_at_fault(client) == ["id_token_signed_response_alg"]


@pytest.mark.parametrize(
    "members",
    [
        {"id_token_encrypted_response_alg": "dir"},
        {"userinfo_signed_response_alg": "HS256"},
        {"userinfo_encrypted_response_alg": "A128KW"},
        {"request_object_signing_alg": "HS256"},
        {"request_object_encryption_alg": "dir"},
    ],
)
def test_a_secret_of_which_only_the_digest_is_kept_is_no_key(members: dict[str, str]) -> None:
    assert secret_use_of(web(**members)) is SecretUse.KEY
    assert fields_at_fault(web(**members)) == ["secret"]
    assert fields_at_fault(told_client(**members)) == []


def test_a_secret_is_only_compared_where_nothing_else_is_asked_of_it() -> None:
    assert secret_use_of(WEB) is SecretUse.PROOF
    assert secret_use_of(SPA) is SecretUse.NONE
    assert secret_use_of(web("HS256")) is SecretUse.KEY


@pytest.mark.parametrize("name", ["RSA1_5", "PBES2-HS256+A128KW", "A128GCM", "RS256", "none", ""])
def test_an_algorithm_of_encryption_is_one_of_those_that_are_offered(name: str) -> None:
    client = replace(web(userinfo_encrypted_response_alg=name), jwks=RSA)
    assert fields_at_fault(client) == ["userinfo_encrypted_response_alg"]


@pytest.mark.parametrize("name", ["A128CBC", "RSA-OAEP"])
def test_a_content_encryption_is_one_of_those_that_are_offered(name: str) -> None:
    members = {"id_token_encrypted_response_alg": "RSA-OAEP", "id_token_encrypted_response_enc": name}
    assert fields_at_fault(replace(web(**members), jwks=RSA)) == ["id_token_encrypted_response_enc"]


@pytest.mark.requirement("OIDCR-2/enc-with-alg")
@pytest.mark.parametrize("which", ["id_token", "userinfo"])
def test_a_content_encryption_goes_with_an_algorithm(which: str) -> None:
    client = web(**{f"{which}_encrypted_response_enc": "A256GCM"})
    assert fields_at_fault(client) == [f"{which}_encrypted_response_enc"]


@pytest.mark.parametrize("name", [one for one in ENCRYPTION_ALGORITHMS if one.startswith(("RSA", "ECDH"))])
def test_a_client_that_is_told_something_encrypted_has_a_key_for_it(name: str) -> None:
    client = web(id_token_encrypted_response_alg=name)
    signing = JwkSet((Jwk.generate("ES256").public(),))
    for keyless in (client, replace(client, jwks=signing)):
        assert fields_at_fault(keyless) == ["id_token_encrypted_response_alg"]
    unbound = {part: value for part, value in encryption_key(name).as_dict().items() if part != "alg"}
    for keys in (JwkSet((encryption_key(name).public(),)), JwkSet.parse({"keys": [unbound]})):
        assert fields_at_fault(replace(client, jwks=keys)) == []
    assert fields_at_fault(replace(client, jwks_uri="https://web.example/jwks")) == []


@pytest.mark.requirement("OIDCC-8.1/several-hosts")
def test_pairwise_redirect_uris_stand_on_one_host_unless_a_document_joins_them() -> None:
    client = replace(web(subject_type=SubjectType.PAIRWISE), redirect_uris=ELSEWHERE)
    assert fields_at_fault(client) == ["sector_identifier_uri"]
    assert fields_at_fault(replace(client, redirect_uris=ELSEWHERE[:1])) == []
    assert fields_at_fault(replace(client, redirect_uris=())) == ["sector_identifier_uri"]
    stated = replace(client.openid, sector_identifier_uri="https://web.example/uris.json")
    assert fields_at_fault(replace(client, openid=stated)) == []


@pytest.mark.requirement("OIDCC-16.19/entropy")
@pytest.mark.parametrize(("name", "octets"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_is_as_long_as_its_mac_wants_it(name: str, octets: int) -> None:
    client = web("RS256", userinfo_signed_response_alg=name)
    assert [one.field for one in secret_faults(client, {b"1": SecretText("s" * (octets - 1))})] == ["secret"]
    assert not list(secret_faults(client, {b"1": SecretText("s" * octets)}))
    assert not list(secret_faults(web("RS256"), {b"1": SecretText("s")}))


@pytest.mark.requirement("OIDCC-10.2/derived-key")
def test_a_key_is_derived_as_the_specification_says() -> None:
    """Figures from outside: echo -n secret | openssl dgst, cut from the left."""
    wanted = {
        ("A128KW", "A256GCM"): "2bb80d537b1da3e38bd30361aa855686",
        ("dir", "A256GCM"): "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
    }
    for (alg, enc), figure in wanted.items():
        members = derived_key(SecretText("secret"), alg, enc).as_private_dict()
        key = Jwk.from_secret(bytes.fromhex(figure), algorithm=enc if alg == "dir" else alg)
        assert members["k"] == key.as_private_dict()["k"]
    assert len(MAC_SECRET) >= 64
