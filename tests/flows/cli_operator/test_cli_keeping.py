"""`valetkey client | user | resource | tenant`: what an operator keeps, from the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from valetkey.cli import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

    from support.operator import Operator

SHOP = ("client", "add", "shop", "--scope", "openid profile", "--redirect-uri", "https://shop.example.com/cb")
PASSWORD = "correct horse battery"
API = "https://api.example.com"


def stored(operator: Operator) -> bytes:
    folder = operator.config.parent
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith("valetkey.db"))


# --- clients -----------------------------------------------------------------------------------------------


def test_a_client_is_added_listed_shown_changed_and_removed(operator: Operator) -> None:
    added = operator.done(*SHOP, "--name", "Example Shop", "--consent", "first_party")
    changed = operator.done("client", "change", "shop", "--name", "Shop", "--grant-type", "authorization_code")
    shown = operator.done("client", "show", "shop")
    listed = operator.done("client", "list")
    removed = operator.done("client", "remove", "shop")

    assert (added["name"], added["consent"], added["scope"]) == ("Example Shop", "first_party", "openid profile")
    assert changed["name"] == "Shop"
    assert shown == changed
    assert listed == [shown]
    assert removed == {"client_id": "shop", "removed": True}
    assert operator.done("client", "list") == []


def test_a_client_secret_is_shown_once_and_kept_as_a_digest(operator: Operator) -> None:
    secret = operator.done(*SHOP)["client_secret"]

    assert secret.startswith("vk_cs_")
    assert secret.encode() not in stored(operator)
    assert secret not in operator.run("client", "show", "shop").output
    assert "client_secret" not in operator.done("client", "show", "shop")


def test_a_person_is_told_that_a_secret_is_not_shown_again(operator: Operator) -> None:
    result = operator.run(*SHOP)

    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "client shop was added"
    assert result.stdout.splitlines()[1].startswith("client_secret: vk_cs_")
    assert result.stderr == "It is shown this once and kept only as a digest: store it now.\n"


# covers: CLI-14
def test_a_rotation_adds_a_second_live_secret_and_lets_the_old_one_end(operator: Operator) -> None:
    first = operator.done(*SHOP)
    rotated = operator.done("client", "change", "shop", "--rotate-secret", "--keep-old-secret", "60")

    new, old = rotated["secrets"]
    assert rotated["client_secret"] != first["client_secret"]
    assert new["expires_at"] is None
    assert old["secret_id"] == first["secrets"][0]["secret_id"]
    assert old["expires_at"] == new["created_at"] + 60


def test_a_client_brings_its_public_keys_from_a_file(operator: Operator, tmp_path: Path) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text(
        '{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
    )
    method = ("--authentication-method", "private_key_jwt")

    added = operator.done(*SHOP, *method, "--jwks", str(keys))

    assert added["jwks"]["keys"][0]["crv"] == "Ed25519"
    assert "client_secret" not in added
    refusal = operator.refused(*("other" if each == "shop" else each for each in SHOP), *method)
    assert "jwks: private_key_jwt needs the client's public keys, or the jwks_uri" in refusal


def test_a_client_says_where_it_publishes_its_keys_instead_of_handing_them_over(
    operator: Operator, tmp_path: Path
) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text('{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}')
    published = ("--authentication-method", "private_key_jwt", "--jwks-uri", "https://shop.example.com/jwks.json")

    added = operator.done(*SHOP, *published)

    assert (added["jwks"], added["jwks_uri"]) == (None, "https://shop.example.com/jwks.json")
    changed = operator.done("client", "change", "shop", "--jwks", str(keys))
    assert (changed["jwks_uri"], len(changed["jwks"]["keys"])) == (None, 1)
    back = operator.done("client", "change", "shop", *published[2:])
    assert (back["jwks"], back["jwks_uri"]) == (None, "https://shop.example.com/jwks.json")
    refusal = operator.refused("client", "change", "shop", "--jwks-uri", "http://shop.example.com/jwks.json")
    assert refusal == "valetkey: jwks_uri: expected an https URL with a host"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('{"keys":[{"kty":"oct","k":"AAAA"}]}', "is no JWK Set of public keys"),
        ("no JSON", "is no JWK Set of public keys"),
    ],
)
def test_a_clients_keys_are_public_ones(operator: Operator, tmp_path: Path, content: str, line: str) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text(content)

    refusal = operator.refused(*SHOP, "--authentication-method", "private_key_jwt", "--jwks", str(keys))

    assert line in refusal
    assert "AAAA" not in refusal


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("client", "show", "nope"), "there is no client nope in tenant default: see `valetkey client list`"),
        (("client", "change", "nope", "--disable"), "there is no client nope in tenant default: "),
        (("client", "remove", "nope"), "there is no client nope in tenant default: "),
        (("client", "add", "shop"), 'scope: say what it may ask for, such as --scope "openid profile"'),
        (("client", "add", "shop", "--scope", "a  b"), "scope: expected scope names separated by single spaces"),
        (("client", "add", "shop", "--scope", "a"), "redirect_uris: authorization_code needs a redirect URI"),
        (
            ("client", "add", "a b", *SHOP[3:]),
            "client_id: expected 1 to 256 printable ASCII characters without space",
        ),
        (("user", "show", "nope"), "there is no user nope in tenant default: see `valetkey user list`"),
        (("resource", "show", API), f"there is no resource {API} in tenant default: see `valetkey resource list`"),
        (("resource", "add", "api"), "identifier: expected an absolute URI without fragment (RFC 8707, 2)"),
        (("resource", "add", API, "--scope", "a"), "scope: say in words what a allows"),
        (("tenant", "show", "nope"), "there is no tenant nope: see `valetkey tenant list`"),
        (("tenant", "add", "Acme"), "name: expected at most 63 of a-z, 0-9 and inner hyphens"),
        (
            ("client", "list", "--tenant", "nope"),
            "there is no tenant nope, only none: add it with `valetkey tenant add`",
        ),
    ],
)
def test_a_refusal_says_what_to_do_and_changes_nothing(
    operator: Operator, arguments: tuple[str, ...], line: str
) -> None:
    assert operator.refused(*arguments).startswith(f"valetkey: {line}")
    assert operator.done("client", "list") == operator.done("user", "list") == operator.done("tenant", "list") == []


def test_what_exists_is_not_added_again(operator: Operator) -> None:
    operator.done(*SHOP)

    assert operator.refused(*SHOP) == "valetkey: client shop exists: change it with `valetkey client change shop`"


def test_one_empty_text_empties_a_list(operator: Operator) -> None:
    operator.done(*SHOP, "--post-logout-redirect-uri", "https://shop.example.com/", "--resource", API)

    changed = operator.done("client", "change", "shop", "--post-logout-redirect-uri", "", "--resource", "")

    assert (changed["post_logout_redirect_uris"], changed["resources"]) == ([], [])
    assert changed["redirect_uris"] == ["https://shop.example.com/cb"]


# --- end-users ---------------------------------------------------------------------------------------------


def test_a_user_is_added_listed_shown_changed_and_removed(operator: Operator) -> None:
    added = operator.done(
        "user", "add", "Ada", "--role", "admin", "--email", "ada@example.com", typed=f"{PASSWORD}\n"
    )
    changed = operator.done("user", "change", "ada", "--disable", "--role", "", "--name", "Ada Lovelace")
    listed = operator.done("user", "list")
    removed = operator.done("user", "remove", "ADA")

    assert (added["username"], added["roles"], added["has_password"]) == ("Ada", ["admin"], True)
    assert (changed["disabled"], changed["roles"], changed["subject"]) == (True, [], added["subject"])
    assert listed == [changed | {"second_factor": False}]
    assert removed == {"username": "ADA", "removed": True}
    assert operator.done("user", "list") == []


def test_a_password_is_read_from_standard_input_and_never_printed(operator: Operator) -> None:
    result = operator.run("user", "add", "ada", typed=f"{PASSWORD}\n")

    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert PASSWORD.encode() not in stored(operator)
    assert sha256(PASSWORD.encode()).digest() not in stored(operator)


def test_no_option_takes_a_password_as_an_argument(operator: Operator) -> None:
    result = operator.run("user", "change", "ada", "--password", PASSWORD)

    assert result.exit_code == 2
    assert "unexpected extra argument" in result.stderr


@pytest.mark.parametrize("typed", ["short\n", "\n", "", "x" * 1025 + "\n"])
def test_a_password_that_is_too_short_or_too_long_is_refused(operator: Operator, typed: str) -> None:
    line = operator.refused("user", "add", "ada", typed=typed)

    assert line == "valetkey: expected a password of 8 characters to 1024 bytes"
    assert operator.done("user", "list") == []


def test_a_generated_password_is_shown_this_once(operator: Operator) -> None:
    password = operator.done("user", "add", "ada", "--generate-password")["password"]

    assert len(password) == 19
    assert password.encode() not in stored(operator)
    assert "password" not in operator.done("user", "show", "ada")
    assert operator.done("user", "change", "ada", "--generate-password")["password"] != password


def test_a_user_without_a_password_cannot_sign_in_yet(operator: Operator) -> None:
    assert operator.done("user", "add", "ada", "--no-password")["has_password"] is False


def test_a_new_password_ends_every_session_and_token(operator: Operator) -> None:
    subject = operator.done("user", "add", "ada", typed=f"{PASSWORD}\n")["subject"]
    before = _generation(operator, subject)

    operator.done("user", "change", "ada", "--password", typed="another good password\n")

    assert _generation(operator, subject) == before + 1


def _generation(operator: Operator, subject: str) -> int:
    with closing(sqlite3.connect(operator.config.parent / "valetkey.db")) as connection:
        found = connection.execute(
            "SELECT value FROM generations WHERE kind = 'subject' AND name = ?", (subject,)
        ).fetchone()
    return 0 if found is None else int(found[0])


# --- resource servers and tenants --------------------------------------------------------------------------


def test_a_resource_is_added_listed_shown_changed_and_removed(operator: Operator) -> None:
    added = operator.done("resource", "add", API, "--scope", "orders:read=See your orders", "--name", "Orders")
    changed = operator.done("resource", "change", API, "--access-token-lifetime", "60", "--disable")
    listed = operator.done("resource", "list")
    shown = operator.done("resource", "show", API)
    operator.done("resource", "remove", API)

    assert added["scopes"] == {"orders:read": "See your orders"}
    assert (changed["access_token_lifetime"], changed["disabled"]) == (60, True)
    assert listed == [shown] == [changed]
    assert operator.done("resource", "list") == []


def test_opaque_tokens_and_who_may_introspect_them_are_configured(operator: Operator) -> None:
    api = operator.done("client", "add", "orders-api", "--grant-type", "")
    shop = operator.done(*SHOP, "--access-token-format", "jwt")
    resource = operator.done(
        *("resource", "add", API, "--access-token-format", "opaque", "--introspection-client", "orders-api")
    )
    taken = operator.done("resource", "change", API, "--introspection-client", "")

    assert (api["grant_types"], api["scope"], bool(api["client_secret"])) == ([], "", True)
    assert shop["access_token_format"] == "jwt"
    assert (resource["access_token_format"], resource["introspection_client_ids"]) == ("opaque", ["orders-api"])
    assert (taken["access_token_format"], taken["introspection_client_ids"]) == ("opaque", [])
    refused = operator.refused("client", "add", "viewer", "--authentication-method", "none", "--grant-type", "")
    assert "grant_types: profile OAUTH_2_1 knows" in refused


def test_a_tenant_has_an_issuer_and_clients_of_its_own(operator: Operator) -> None:
    added = operator.done("tenant", "add", "acme", "--display-name", "Acme", "--accent", "#0A7D4F")
    operator.done(*SHOP, "--tenant", "acme")

    assert (added["issuer"], added["accent"]) == ("http://localhost:8080/t/acme", "#0a7d4f")
    assert [each["client_id"] for each in operator.done("client", "list", "--tenant", "acme")] == ["shop"]
    assert operator.done("client", "list") == []


def test_a_removed_tenant_is_switched_off_and_can_come_back(operator: Operator) -> None:
    operator.done("tenant", "add", "acme")

    assert operator.done("tenant", "remove", "acme")["disabled"] is True
    assert operator.done("tenant", "change", "acme", "--enable")["disabled"] is False


# --- every command -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["client", "user", "resource", "tenant"])
def test_people_get_tables_without_colour_where_there_is_no_terminal(operator: Operator, group: str) -> None:
    empty = operator.run(group, "list")
    operator.done(*SHOP)
    operator.done("user", "add", "ada", "--no-password")
    operator.done("resource", "add", API)
    operator.done("tenant", "add", "acme")
    full = operator.run(group, "list")

    assert (empty.exit_code, full.exit_code) == (0, 0)
    assert len(empty.stdout.splitlines()) == 1
    assert len(full.stdout.splitlines()) == 2
    assert "\x1b" not in full.output


@pytest.mark.parametrize("group", ["client", "user", "resource", "tenant", "db", "config"])
def test_every_command_has_help_with_an_example_and_a_json_form(operator: Operator, group: str) -> None:
    assert group in COMMANDS
    page = operator.bare(group, "--help").stdout
    names = [line.split()[0] for line in page.partition("Commands:")[2].splitlines() if line.strip()]

    assert len(names) >= 2
    for name in names:
        text = operator.bare(group, name, "--help").stdout
        if "Commands:" in text:
            # A group in the group: its commands have their own test.
            continue
        assert f"Example: valetkey {group} {name}" in text
        assert "--json" in text


@pytest.mark.parametrize("group", ["secret", "registration-token"])
def test_the_groups_within_client_have_help_like_all_others(operator: Operator, group: str) -> None:
    page = operator.bare("client", group, "--help").stdout
    names = [line.split()[0] for line in page.partition("Commands:")[2].splitlines() if line.strip()]

    assert len(names) >= 3
    for name in names:
        text = operator.bare("client", group, name, "--help").stdout
        assert f"Example: valetkey client {group} {name}" in text
        assert "--json" in text
