"""For which algorithms there can be keys, and who is told that there are none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.house import clients
from valetkey.authorization_server.key_algorithms import (
    DEFAULT_ALGORITHMS,
    ENCRYPTION_ALGORITHMS,
    NEEDED_ALGORITHMS,
    SIGNING_ALGORITHMS,
    client_key_faults,
    is_signature,
    resource_key_faults,
)
from valetkey.authorization_server.model import Resource

CLIENT = clients()["web"]
RESOURCE = Resource("https://api.example", "API", {})


def test_every_signature_of_the_field_can_have_a_key_and_nothing_that_a_client_could_forge() -> None:
    assert set(SIGNING_ALGORITHMS) == {
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K"),
        *("EdDSA", "Ed25519", "Ed448"),
    }
    assert set(NEEDED_ALGORITHMS) <= set(DEFAULT_ALGORITHMS) <= set(SIGNING_ALGORITHMS)
    assert {"RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW"} <= set(ENCRYPTION_ALGORITHMS)
    assert not {"RSA1_5", "dir", "A128KW"} & set(ENCRYPTION_ALGORITHMS)


def test_a_key_is_for_signatures_or_for_encryption() -> None:
    assert all(map(is_signature, SIGNING_ALGORITHMS))
    assert not any(map(is_signature, ENCRYPTION_ALGORITHMS))


@pytest.mark.parametrize("field", ["id_token_signed_response_alg", "introspection_signed_response_alg"])
def test_a_client_whose_algorithm_has_no_key_is_told_which_have(field: str) -> None:
    client = replace(CLIENT, **{field: "ES512"})  # type: ignore[arg-type]  # both are texts
    assert list(client_key_faults(client, SIGNING_ALGORITHMS)) == []
    (fault,) = client_key_faults(client, ("RS256", "ES256"))
    assert (fault.field, fault.message) == (
        field,
        "expected one of RS256, ES256: this server has no key for ES512",
    )


def test_a_client_whose_user_info_no_key_can_sign_is_told_so() -> None:
    client = replace(CLIENT, openid=replace(CLIENT.openid, userinfo_signed_response_alg="PS384"))
    faults = client_key_faults(client, NEEDED_ALGORITHMS)
    assert [fault.field for fault in faults] == ["userinfo_signed_response_alg"]


def test_a_mac_needs_no_key_of_ours() -> None:
    client = replace(CLIENT, id_token_signed_response_alg="HS256")
    assert list(client_key_faults(client, NEEDED_ALGORITHMS)) == []


def test_a_resource_server_whose_algorithm_has_no_key_is_told_so() -> None:
    assert list(resource_key_faults(RESOURCE, NEEDED_ALGORITHMS)) == []
    wanting = replace(RESOURCE, signing_alg="Ed448")
    assert [fault.field for fault in resource_key_faults(wanting, NEEDED_ALGORITHMS)] == ["signing_alg"]
