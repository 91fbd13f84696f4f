"""What an operator does with end-users, resource servers and tenants."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from valetkey.administration.end_users import (
    EndUserFields,
    add_end_user,
    change_end_user,
    generated_password,
    refuse_weak_password,
    remove_end_user,
)
from valetkey.administration.refusal import ActRefused, DeclaredInFile
from valetkey.administration.resources import ResourceFields, add_resource, change_resource, remove_resource
from valetkey.administration.tenants import TenantFields, add_tenant, change_tenant, remove_tenant
from valetkey.authorization_server.decision import PutEndUser, PutResource, PutTenant, RemoveEndUser, RemoveResource
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.model import ManagedBy, PasswordHash
from valetkey.oauth.types import DEFAULT_TENANT, ClientId, NumericDate, Seconds, SecretText, TenantId

NOW = NumericDate(1_800_000_000)
FRESH = Fresh(NOW, bytes(64))
LATER = Fresh(NumericDate(NOW + 100), bytes(range(64)))
API = "https://api.example.com"
ADA = add_end_user("ada", EndUserFields(email="ada@example.com", email_verified=True), None, FRESH).end_user
ORDERS = add_resource(API, ResourceFields(scopes={"orders:read": "See your orders"}), None).resource
ACME = add_tenant(TenantId("acme"), TenantFields(), None, "OPENID").tenant


def test_an_end_user_gets_a_subject_that_tells_nothing() -> None:
    other = add_end_user("ada", EndUserFields(), None, LATER).end_user

    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", ADA.subject)
    assert other.subject != ADA.subject


def test_a_user_name_that_is_taken_is_not_added_again() -> None:
    with pytest.raises(ActRefused, match="user ada exists: change it with `valetkey user change ada`"):
        add_end_user("ADA", EndUserFields(), ADA, FRESH)


def test_a_new_address_is_not_the_verified_one() -> None:
    moved = change_end_user(ADA, EndUserFields(email="ada@example.org"), LATER).end_user

    assert (ADA.email_verified, moved.email_verified) == (True, False)
    assert change_end_user(ADA, EndUserFields(name="Ada"), LATER).end_user.email_verified


def test_a_change_of_an_end_user_is_stamped() -> None:
    done = change_end_user(ADA, EndUserFields(disabled=True), LATER)

    assert done.changes == (PutEndUser(replace(ADA, disabled=True, updated_at=LATER.now)),)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (EndUserFields(email="ada"), "email"),
        (EndUserFields(roles=frozenset({"two words"})), "roles"),
        (EndUserFields(name=""), "name"),
    ],
)
def test_an_unsound_end_user_is_refused(fields: EndUserFields, field: str) -> None:
    with pytest.raises(ActRefused, match=f"^{field}: expected"):
        change_end_user(ADA, fields, LATER)


def test_the_password_of_a_declared_end_user_may_be_changed_and_nothing_else() -> None:
    declared = replace(ADA, managed_by=ManagedBy.FILE)
    password = PasswordHash("$argon2id$...")

    assert (
        change_end_user(declared, EndUserFields(password_hash=password), LATER).end_user.password_hash == password
    )
    with pytest.raises(DeclaredInFile, match="user ada is declared in a configuration file"):
        change_end_user(declared, EndUserFields(password_hash=password, disabled=False), LATER)
    with pytest.raises(DeclaredInFile):
        remove_end_user(declared, LATER)


def test_a_removed_end_user_takes_everything_along() -> None:
    assert remove_end_user(ADA, LATER) == (RemoveEndUser(ADA.subject, LATER.now),)


def test_a_generated_password_is_sound_and_another_each_time() -> None:
    first, second = generated_password(FRESH), generated_password(LATER)

    assert re.fullmatch(r"(?:[a-km-np-z2-9]{4}-){3}[a-km-np-z2-9]{4}", first.reveal())
    assert first.reveal() != second.reveal()
    refuse_weak_password(first)


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025, "é" * 513])
def test_a_password_that_is_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(ActRefused, match="expected a password of 8 characters to 1024 bytes"):
        refuse_weak_password(SecretText(password))


def test_a_resource_server_is_added_changed_and_removed() -> None:
    changed = change_resource(ORDERS, ResourceFields(access_token_lifetime=Seconds(60)))

    assert changed.changes == (PutResource(replace(ORDERS, access_token_lifetime=Seconds(60))),)
    assert remove_resource(ORDERS) == (RemoveResource(API),)
    with pytest.raises(ActRefused, match="exists"):
        add_resource(API, ResourceFields(), ORDERS)


@pytest.mark.parametrize("identifier", ["api", "/api", "https://api.example.com#a", "https://api .example"])
def test_a_resource_server_has_an_absolute_uri(identifier: str) -> None:
    with pytest.raises(ActRefused, match="identifier: expected an absolute URI without fragment"):
        add_resource(identifier, ResourceFields(), None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (ResourceFields(scopes={"two words": "x"}), "scopes: 'two words' is no scope name"),
        (ResourceFields(scopes={"a": " "}), "scopes: a: say in words what it allows"),
        (
            ResourceFields(introspection_client_ids=(ClientId("a b"),)),
            "introspection_client_ids: 'a b' is no client_id",
        ),
        (ResourceFields(access_token_lifetime=Seconds(901)), "access_token_lifetime: expected 1 to 900 seconds"),
    ],
)
def test_an_unsound_resource_server_is_refused(fields: ResourceFields, message: str) -> None:
    with pytest.raises(ActRefused, match=f"^{message}"):
        change_resource(ORDERS, fields)


def test_a_declared_resource_server_is_changed_only_in_its_file() -> None:
    declared = replace(ORDERS, managed_by=ManagedBy.FILE)

    with pytest.raises(DeclaredInFile):
        change_resource(declared, ResourceFields(name="Orders"))
    with pytest.raises(DeclaredInFile):
        remove_resource(declared)


def test_a_tenant_takes_the_profile_of_the_server_unless_it_names_one() -> None:
    assert ACME.profile == "OPENID"
    assert change_tenant(ACME, TenantFields(profile="MCP")).tenant.profile == "MCP"


def test_a_removed_tenant_is_switched_off_and_kept() -> None:
    assert remove_tenant(ACME).changes == (PutTenant(replace(ACME, disabled=True)),)


def test_the_default_tenant_is_never_switched_off() -> None:
    default = replace(ACME, tenant_id=DEFAULT_TENANT)

    with pytest.raises(ActRefused, match="default tenant stands at the root"):
        remove_tenant(default)


@pytest.mark.parametrize("name", ["", "Acme", "a/b", "-a", "a-", "x" * 64, "..", "ä"])
def test_a_tenants_name_stands_in_urls(name: str) -> None:
    with pytest.raises(ActRefused, match="name: expected at most 63 of a-z"):
        add_tenant(TenantId(name), TenantFields(display_name="Acme"), None, "OPENID")


@pytest.mark.parametrize("accent", ["red", "#12345", "#1234567", "#2454d6;x"])
def test_an_accent_colour_cannot_carry_anything_else(accent: str) -> None:
    with pytest.raises(ActRefused, match="accent: expected a colour"):
        change_tenant(ACME, TenantFields(accent=accent))


def test_a_declared_tenant_is_changed_only_in_its_file() -> None:
    with pytest.raises(DeclaredInFile):
        change_tenant(replace(ACME, managed_by=ManagedBy.FILE), TenantFields(accent="#000000"))
