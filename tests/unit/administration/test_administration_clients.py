"""What an operator does with clients: judged like any other registration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from valetkey.administration.clients import (
    ClientAct,
    ClientFields,
    add_client,
    change_client,
    remove_client,
    rotate_secret,
)
from valetkey.administration.refusal import ActRefused, DeclaredInFile
from valetkey.authorization_server.decision import PutClient, RemoveClient
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.model import AuthenticationMethod, Client, ManagedBy, Tenant
from valetkey.jose import JwkSet
from valetkey.oauth.types import DEFAULT_TENANT, ClientId, GrantType, NumericDate, Scope, Seconds, SecretText

NOW = NumericDate(1_800_000_000)
FRESH = Fresh(NOW, bytes(64))
LATER = Fresh(NumericDate(NOW + 100), bytes(range(64)))
TENANT = Tenant(DEFAULT_TENANT, "Example", "OAUTH_2_1")
SHOP = ClientId("shop")
FIELDS = ClientFields(scope=Scope(("openid",)), redirect_uris=("https://shop.example.com/cb",))
KEYS = JwkSet.parse_public(
    {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519",
               "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
)  # fmt: skip


def added(fields: ClientFields = FIELDS) -> ClientAct:
    return add_client(SHOP, fields, None, TENANT, FRESH)


def test_a_new_client_gets_a_secret_that_is_kept_only_as_a_digest() -> None:
    done = added()

    assert done.secret is not None
    text = done.secret.reveal()
    assert text.startswith("vk_cs_")
    assert len(text) == len("vk_cs_") + 43
    assert done.client.secrets[0].digest.matches(SecretText(text))
    assert done.changes == (PutClient(done.client),)
    assert text not in repr(done)


@pytest.mark.parametrize("method", [AuthenticationMethod.NONE, AuthenticationMethod.PRIVATE_KEY_JWT])
def test_a_client_that_presents_no_secret_gets_none(method: AuthenticationMethod) -> None:
    done = added(replace(FIELDS, authentication_method=method, jwks=KEYS))

    assert done.secret is None
    assert done.client.secrets == ()


def test_a_client_that_exists_is_not_added_again() -> None:
    with pytest.raises(ActRefused, match="client shop exists: change it with `valetkey client change shop`"):
        add_client(SHOP, FIELDS, added().client, TENANT, FRESH)


def test_an_unsound_client_is_refused_with_every_fault() -> None:
    fields = replace(FIELDS, redirect_uris=("http://shop.example.com/cb",), name="\u202e")

    with pytest.raises(ActRefused) as raised:
        added(fields)

    assert [line.split(":")[0] for line in raised.value.lines] == ["name", "redirect_uris"]


def test_a_client_is_judged_by_its_own_profile() -> None:
    with pytest.raises(ActRefused, match="grant_types: profile MCP knows"):
        added(replace(FIELDS, profile="MCP", grant_types=frozenset({GrantType("password")})))


def test_a_public_client_may_not_act_for_itself() -> None:
    fields = replace(
        FIELDS,
        authentication_method=AuthenticationMethod.NONE,
        grant_types=frozenset({GrantType("client_credentials")}),
    )

    with pytest.raises(ActRefused, match="client_credentials needs a client that authenticates"):
        added(fields)


def test_a_change_leaves_what_it_does_not_name() -> None:
    held = added().client

    changed = change_client(held, ClientFields(name="Shop"), TENANT).client

    assert changed == replace(held, name="Shop")


def test_a_rotation_keeps_the_old_secret_for_a_while_and_no_longer() -> None:
    held = added().client

    done = rotate_secret(held, ClientFields(), TENANT, Seconds(50), LATER)

    new, old = done.client.secrets
    assert new.expires_at is None
    assert done.secret is not None
    assert new.digest.matches(SecretText(done.secret.reveal()))
    assert (old.secret_id, old.expires_at) == (held.secrets[0].secret_id, LATER.now + 50)


def test_a_rotation_never_prolongs_a_secret_and_forgets_those_that_ended() -> None:
    held = added().client
    ended = replace(held.secrets[0], secret_id="ended", expires_at=LATER.now)
    ending = replace(held.secrets[0], secret_id="ending", expires_at=NumericDate(LATER.now + 10))

    done = rotate_secret(replace(held, secrets=(ending, ended)), ClientFields(), TENANT, Seconds(50), LATER)

    assert [(each.secret_id, each.expires_at) for each in done.client.secrets[1:]] == [("ending", LATER.now + 10)]


def test_a_rotation_may_end_the_old_secret_at_once() -> None:
    done = rotate_secret(added().client, ClientFields(), TENANT, Seconds(0), LATER)

    assert len(done.client.secrets) == 1


def test_a_client_without_secrets_has_none_to_rotate() -> None:
    held = added(replace(FIELDS, authentication_method=AuthenticationMethod.NONE)).client

    with pytest.raises(ActRefused, match="authenticates by none and has no secret to rotate"):
        rotate_secret(held, ClientFields(), TENANT, Seconds(0), LATER)


def test_a_client_that_shall_present_a_secret_needs_one_drawn() -> None:
    held = added(replace(FIELDS, authentication_method=AuthenticationMethod.NONE)).client
    basic = ClientFields(authentication_method=AuthenticationMethod.CLIENT_SECRET_BASIC)

    with pytest.raises(ActRefused, match="add --rotate-secret"):
        change_client(held, basic, TENANT)
    assert len(rotate_secret(held, basic, TENANT, Seconds(0), FRESH).client.secrets) == 1


def test_a_secret_does_not_survive_a_change_to_a_method_without_one() -> None:
    fields = ClientFields(authentication_method=AuthenticationMethod.NONE)

    assert change_client(added().client, fields, TENANT).client.secrets == ()


def test_a_declared_client_is_changed_only_in_its_file() -> None:
    held: Client = replace(added().client, managed_by=ManagedBy.FILE)

    with pytest.raises(DeclaredInFile, match="client shop is declared in a configuration file"):
        change_client(held, ClientFields(name="Shop"), TENANT)
    with pytest.raises(DeclaredInFile):
        rotate_secret(held, ClientFields(), TENANT, Seconds(0), FRESH)
    with pytest.raises(DeclaredInFile):
        remove_client(held)


def test_a_removed_client_takes_its_grants_along() -> None:
    assert remove_client(added().client) == (RemoveClient(SHOP),)
