"""What an operator does with clients: judged like any other registration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from valetkey.adapters.keys.client_secrets import SealedClientSecrets
from valetkey.adapters.keys.sealing import Sealer
from valetkey.administration.client_secrets import add_secret, expire_secret, secret_views
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
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import (
    DEFAULT_TENANT,
    ClientId,
    GrantType,
    NumericDate,
    Scope,
    Seconds,
    SecretDigest,
    SecretText,
    TenantId,
)

NOW = NumericDate(1_800_000_000)
FRESH = Fresh(NOW, bytes(64))
LATER = Fresh(NumericDate(NOW + 100), bytes(range(64)))
TENANT = Tenant(DEFAULT_TENANT, "Example", "OAUTH_2_1")
SHOP = ClientId("shop")
VAULT = SealedClientSecrets(Sealer(b"k" * 32), DEFAULT_TENANT)
FIELDS = ClientFields(scope=Scope(("openid",)), redirect_uris=("https://shop.example.com/cb",))
KEYS = JwkSet.parse_public(
    {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519",
               "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
)  # fmt: skip


def added(fields: ClientFields = FIELDS) -> ClientAct:
    return add_client(SHOP, fields, None, TENANT, FRESH, vault=VAULT)


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
        add_client(SHOP, FIELDS, added().client, TENANT, FRESH, vault=VAULT)


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

    changed = change_client(held, ClientFields(name="Shop"), TENANT, LATER).client

    assert changed == replace(held, name="Shop")


def test_a_rotation_keeps_the_old_secret_for_a_while_and_no_longer() -> None:
    held = added().client

    done = rotate_secret(held, ClientFields(), TENANT, Seconds(50), LATER, vault=VAULT)

    new, old = done.client.secrets
    assert new.expires_at is None
    assert done.secret is not None
    assert new.digest.matches(SecretText(done.secret.reveal()))
    assert (old.secret_id, old.expires_at) == (held.secrets[0].secret_id, LATER.now + 50)


def test_a_rotation_never_prolongs_a_secret_and_forgets_those_that_ended() -> None:
    held = added().client
    ended = replace(held.secrets[0], secret_id="ended", expires_at=LATER.now)
    ending = replace(held.secrets[0], secret_id="ending", expires_at=NumericDate(LATER.now + 10))

    held = replace(held, secrets=(ending, ended))
    done = rotate_secret(held, ClientFields(), TENANT, Seconds(50), LATER, vault=VAULT)

    assert [(each.secret_id, each.expires_at) for each in done.client.secrets[1:]] == [("ending", LATER.now + 10)]


def test_a_rotation_may_end_the_old_secret_at_once() -> None:
    done = rotate_secret(added().client, ClientFields(), TENANT, Seconds(0), LATER, vault=VAULT)

    assert len(done.client.secrets) == 1


def test_a_client_without_secrets_has_none_to_rotate() -> None:
    held = added(replace(FIELDS, authentication_method=AuthenticationMethod.NONE)).client

    with pytest.raises(ActRefused, match="authenticates by none and has no secret to rotate"):
        rotate_secret(held, ClientFields(), TENANT, Seconds(0), LATER, vault=VAULT)


def test_a_client_that_shall_present_a_secret_needs_one_drawn() -> None:
    held = added(replace(FIELDS, authentication_method=AuthenticationMethod.NONE)).client
    basic = ClientFields(authentication_method=AuthenticationMethod.CLIENT_SECRET_BASIC)

    with pytest.raises(ActRefused, match="add --rotate-secret"):
        change_client(held, basic, TENANT, LATER)
    assert len(rotate_secret(held, basic, TENANT, Seconds(0), FRESH, vault=VAULT).client.secrets) == 1


def test_a_secret_does_not_survive_a_change_to_a_method_without_one() -> None:
    fields = ClientFields(authentication_method=AuthenticationMethod.NONE)

    assert change_client(added().client, fields, TENANT, LATER).client.secrets == ()


def test_a_declared_client_is_changed_only_in_its_file() -> None:
    held: Client = replace(added().client, managed_by=ManagedBy.FILE)

    with pytest.raises(DeclaredInFile, match="client shop is declared in a configuration file"):
        change_client(held, ClientFields(name="Shop"), TENANT, LATER)
    with pytest.raises(DeclaredInFile):
        rotate_secret(held, ClientFields(), TENANT, Seconds(0), FRESH, vault=VAULT)
    with pytest.raises(DeclaredInFile):
        remove_client(held)


def test_a_removed_client_takes_its_grants_along() -> None:
    assert remove_client(added().client) == (RemoveClient(SHOP),)


MAC, BASIC = AuthenticationMethod.CLIENT_SECRET_JWT, AuthenticationMethod.CLIENT_SECRET_BASIC


def test_the_secret_of_a_mac_client_is_long_sealed_and_opens_only_in_its_place() -> None:
    done = added(replace(FIELDS, authentication_method=MAC))

    assert done.secret is not None
    (kept,) = done.client.secrets
    assert len(done.secret.reveal()) == len("vk_cs_") + 86
    assert VAULT.open(SHOP, kept).reveal() == done.secret.reveal()
    for shop, vault, secret in (
        (ClientId("other"), VAULT, kept),
        (SHOP, SealedClientSecrets(Sealer(b"k" * 32), TenantId("acme")), kept),
        (SHOP, SealedClientSecrets(Sealer(b"other" * 8), DEFAULT_TENANT), kept),
        (SHOP, VAULT, replace(kept, digest=SecretDigest(bytes(32)))),
    ):
        with pytest.raises(Unavailable):
            vault.open(shop, secret)


def test_a_digest_becomes_no_key_of_a_mac_when_the_method_changes() -> None:
    held = added().client

    with pytest.raises(ActRefused, match="add --rotate-secret"):
        change_client(held, ClientFields(authentication_method=MAC), TENANT, LATER)
    rotated = rotate_secret(held, ClientFields(authentication_method=MAC), TENANT, Seconds(60), LATER, vault=VAULT)
    assert [each.sealed is not None for each in rotated.client.secrets] == [True]
    back = change_client(rotated.client, ClientFields(authentication_method=BASIC), TENANT, LATER)
    assert back.client.secrets == rotated.client.secrets


def test_a_pinned_algorithm_belongs_to_the_method() -> None:
    fields = replace(FIELDS, authentication_method=MAC, authentication_signing_alg="HS512")
    held = added(fields).client
    assert held.authentication_signing_alg == "HS512"

    with pytest.raises(ActRefused, match="token_endpoint_auth_signing_alg: client_secret_jwt goes with HS256"):
        added(replace(fields, authentication_signing_alg="ES256"))
    moved = ClientFields(authentication_method=AuthenticationMethod.PRIVATE_KEY_JWT, jwks=KEYS)
    assert change_client(held, moved, TENANT, LATER).client.authentication_signing_alg is None


# covers: CLI-14
def test_several_secrets_live_side_by_side() -> None:
    held = added().client
    more = add_secret(held, Seconds(60), TENANT, LATER, VAULT)
    endless = add_secret(more.client, None, TENANT, Fresh(NumericDate(NOW + 159), b"e" * 64), VAULT)

    assert more.secret is not None
    ends = [each.expires_at for each in endless.client.secrets]
    assert ends == [None, NOW + 160, None]
    later = add_secret(endless.client, None, TENANT, Fresh(NumericDate(NOW + 160), b"f" * 64), VAULT)
    assert NOW + 160 not in [each.expires_at for each in later.client.secrets]


def test_a_client_has_so_many_secrets_and_no_more() -> None:
    client = added().client
    for number in range(4):
        client = add_secret(client, None, TENANT, Fresh(NOW, bytes([number + 1]) * 64), VAULT).client

    with pytest.raises(ActRefused, match="secret: expected 5 at most"):
        add_secret(client, None, TENANT, LATER, VAULT)


# covers: CLI-14
def test_one_secret_is_ended_and_never_the_last_one() -> None:
    first = added().client
    both = add_secret(first, None, TENANT, LATER, VAULT).client
    name = first.secrets[0].secret_id

    ended = expire_secret(both, name, Seconds(0), TENANT, LATER).client
    assert [(each.secret_id == name, each.is_live(LATER.now)) for each in ended.secrets] == [
        (False, True),
        (True, False),
    ]
    with pytest.raises(ActRefused, match="is the last secret of client shop that lives"):
        expire_secret(ended, ended.secrets[0].secret_id, Seconds(0), TENANT, LATER)
    with pytest.raises(ActRefused, match="has no secret nothing"):
        expire_secret(both, "nothing", Seconds(0), TENANT, LATER)


def test_what_is_shown_of_secrets_is_nothing_that_they_say() -> None:
    done = add_secret(added().client, Seconds(60), TENANT, LATER, VAULT)
    assert done.secret is not None

    views = secret_views(done.client, NumericDate(LATER.now + 60))
    assert [view["live"] for view in views] == [False, True]
    assert done.secret.reveal() not in repr(views)
    assert done.client.secrets[0].digest.value.hex() not in repr(views)


def test_the_secrets_of_a_declared_client_or_a_public_one_are_not_the_operators() -> None:
    held = added().client
    with pytest.raises(DeclaredInFile):
        add_secret(replace(held, managed_by=ManagedBy.FILE), None, TENANT, LATER, VAULT)
    with pytest.raises(DeclaredInFile):
        expire_secret(replace(held, managed_by=ManagedBy.FILE), "1", Seconds(0), TENANT, LATER)
    public = added(replace(FIELDS, authentication_method=AuthenticationMethod.NONE)).client
    with pytest.raises(ActRefused, match="authenticates by none and has no secrets"):
        add_secret(public, None, TENANT, LATER, VAULT)
