"""Every row of the table of settings is seen to work, and stands on the reference page."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from base64 import b64encode
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from valetkey.authorization_server.claim_rule import ClaimRule
from valetkey.authorization_server.model import (
    AccessTokenFormat,
    ApplicationType,
    AuthenticationMethod,
    ConsentMode,
    ExchangeKind,
    ExchangeRule,
    RegistrationMode,
)
from valetkey.authorization_server.outbound_guard import Blocks, Openings
from valetkey.authorization_server.trusted_issuer import SubjectMatch
from valetkey.oauth.client_members import CLIENT_MEMBERS, PAGES
from valetkey.oauth.types import ClientId, Issuer, Scope
from valetkey.resource_server.limits import LimitBy, RateLimit
from valetkey.settings import LogFormat, load
from valetkey.settings.declared_table import (
    CLIENTS,
    DECLARATIONS,
    TRUSTED_ISSUERS,
    USERS,
)
from valetkey.settings.environment import variable_of
from valetkey.settings.resource_table import RESOURCES
from valetkey.settings.setting import FromFile
from valetkey.settings.table import SETTINGS
from valetkey.settings.template import template
from valetkey.settings.tenant_table import TENANTS

if TYPE_CHECKING:
    from valetkey.settings import Settings
    from valetkey.settings.setting import DeclarationTable, Setting

ROOT = Path(__file__).parents[3]
KEY = bytes(range(32))
OTHER_KEY = bytes(range(100, 132))
SECRET = "a secret of more than thirty-two characters"
ENCRYPTION_JWKS = (
    '{"keys":[{"kty":"OKP","crv":"X25519","alg":"ECDH-ES+A256KW",'
    '"x":"kIDJfnxJhrdLrq8nSo1j6UdDg6VCYCRqKo5NFQvnGDk"}]}'
)
JWKS = (
    '{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},'
    + ENCRYPTION_JWKS.removeprefix('{"keys":[')
)

VALKEY_URL = "redis://:word@valkey.internal:6379/0"


def limit_by_address(name: str, rate: str) -> RateLimit:
    return RateLimit.parse(name, rate, by=frozenset({LimitBy.ADDRESS}))


# Dotted path -> the TOML value to set, and what the settings then hold there.
SETTING_EXAMPLES: dict[str, tuple[str, object]] = {
    "issuer": ('"https://id.example.org"', Issuer("https://id.example.org")),
    "profile": ('"OPENID"', "OPENID"),
    "revision": ("7", 7),
    "key_encryption_key": ('"other.key"', OTHER_KEY),
    "previous_key_encryption_key": ('"other.key"', OTHER_KEY),
    "server.hosts": ('["127.0.0.2", "::1"]', ("127.0.0.2", "::1")),
    "server.port": ("9443", 9443),
    "server.workers": ("4", 4),
    "server.drain_delay": ("11", 11),
    "server.trusted_proxies": ('["10.1.0.0/16", "::1"]', ("10.1.0.0/16", "::1/128")),
    "server.tls_certificate": ('"chain.pem"', "chain.pem"),
    "server.tls_key": ('"chain.key"', "chain.key"),
    "storage.path": ('"elsewhere.db"', "elsewhere.db"),
    "keys.algorithms": ('["RS256", "ES256", "Ed448", "ECDH-ES"]', ("RS256", "ES256", "Ed448", "ECDH-ES")),
    "keys.rotation_days": ("30", 30),
    "keys.announce_seconds": ("600", 600),
    "outbound.allow": ('["Keys.example", "10.0.0.0/8"]', Openings.parse(["keys.example", "10.0.0.0/8"])),
    "outbound.block": ('["bad.example"]', Blocks.parse(["bad.example"])),
    "outbound.ca_file": ('"internal-ca.pem"', "internal-ca.pem"),
    "limits.endpoints": ('"9/1s"', limit_by_address("endpoints", "9/1s")),
    "limits.pages": ('"8/1s"', limit_by_address("pages", "8/1s")),
    "limits.attempts": ('"7/1m"', limit_by_address("attempts", "7/1m")),
    "limits.registrations": ('"off"', None),
    "limits.failed_clients": ('"5/10m"', limit_by_address("failed-clients", "5/10m")),
    "limits.exempt": ('["10.20.0.0/16"]', ("10.20.0.0/16",)),
    "valkey.url": ('"valkey.url"', VALKEY_URL),
    "log.format": ('"text"', LogFormat.TEXT),
    "extensions.grants": ('["voucher"]', ("voucher",)),
    "audit.days": ("30", 30),
}
# The others of a pair that only go together.
COMPANIONS = {
    "server.tls_certificate": 'server.tls_key = "k.pem"',
    "server.tls_key": 'server.tls_certificate = "c.pem"',
}
# Table -> what has to be there besides; key -> TOML value, where it ends up, what it is there.
NEEDED = {
    "tenants": 'name = "acme"',
    "clients": 'client_id = "shop"\nscope = "openid"\nredirect_uris = ["https://shop.example.com/cb"]\n'
    'secret_file = "shop.secret"',
    "users": 'username = "ada"\nemail = "ada@example.com"',
    "resources": 'identifier = "https://api.example.com"',
    "trusted_issuers": 'issuer = "https://idp.example.com"\nclients = ["shop"]\nscope = "orders:read"\n'
    'jwks_uri = "https://idp.example.com/keys"\nsubject_match = "username"',
}
# What a member of OpenID Connect goes with.
_ENCRYPTED = 'jwks_file = "shop.jwks.json"\n{}_encrypted_response_alg = "ECDH-ES+A256KW"'
BESIDE = {
    "id_token_encrypted_response_alg": 'jwks_file = "shop.jwks.json"',
    "userinfo_encrypted_response_alg": 'jwks_file = "shop.jwks.json"',
    "id_token_encrypted_response_enc": _ENCRYPTED.format("id_token"),
    "userinfo_encrypted_response_enc": _ENCRYPTED.format("userinfo"),
    "request_object_encryption_enc": 'request_object_encryption_alg = "RSA-OAEP-256"',
    "frontchannel_logout_session_required": 'frontchannel_logout_uri = "https://shop.example.com/out"',
    "backchannel_logout_session_required": 'backchannel_logout_uri = "https://shop.example.com/out"',
}
# Keys that stand in the place of one that has to be there.
INSTEAD = {("trusted_issuers", "jwks"): "jwks_uri", ("trusted_issuers", "subjects"): "subject_match"}
DECLARED_EXAMPLES: dict[str, dict[str, tuple[str, str, object]]] = {
    "tenants": {
        "name": ('"other"', "tenant_id", "other"),
        "display_name": ('"Acme Corporation"', "display_name", "Acme Corporation"),
        "profile": ('"MCP"', "profile", "MCP"),
        "accent": ('"#0A7D4F"', "accent", "#0a7d4f"),
        "registration": ('"open"', "registration", RegistrationMode.OPEN),
        "registration_scope": ('"openid"', "registration_scope", Scope.parse("openid")),
        "disabled": ("true", "disabled", True),
    },
    "clients": {
        "client_id": ('"other"', "client.client_id", "other"),
        "tenant": ('"acme"', "tenant_id", "acme"),
        "name": ('"Example Shop"', "client.name", "Example Shop"),
        "authentication_method": (
            '"client_secret_post"', "client.authentication_method", AuthenticationMethod.CLIENT_SECRET_POST,
        ),
        "secret": ('"other.secret"', "client.secrets", hashlib.sha256(SECRET[::-1].encode()).digest()),
        "jwks": ('"shop.jwks.json"', "client.jwks", JWKS),
        "jwks_uri": (
            '"https://shop.example.com/jwks.json"', "client.jwks_uri", "https://shop.example.com/jwks.json",
        ),
        "grant_types": (
            '["authorization_code", "refresh_token"]',
            "client.grant_types",
            frozenset({"authorization_code", "refresh_token"}),
        ),
        "redirect_uris": (
            '["https://other.example.com/cb"]', "client.redirect_uris", ("https://other.example.com/cb",),
        ),
        "post_logout_redirect_uris": (
            '["https://shop.example.com/"]', "client.post_logout_redirect_uris", ("https://shop.example.com/",),
        ),
        "scope": ('"openid email"', "client.scope", Scope(("openid", "email"))),
        "resources": ('["https://api.example.com"]', "client.resources", ("https://api.example.com",)),
        "application_type": ('"native"', "client.application_type", ApplicationType.NATIVE),
        "consent": ('"first_party"', "client.consent", ConsentMode.FIRST_PARTY),
        "profile": ('"OPENID"', "client.profile", "OPENID"),
        "id_token_signed_response_alg": ('"ES256"', "client.id_token_signed_response_alg", "ES256"),
        "token_endpoint_auth_signing_alg": ('"HS512"', "client.authentication_signing_alg", "HS512"),
        "access_token_format": ('"opaque"', "client.access_token_format", AccessTokenFormat.OPAQUE),
        "introspection_signed_response_alg": ('"ES256"', "client.introspection_signed_response_alg", "ES256"),
        "attributes": ('{ tier = "gold" }', "client.attributes", {"tier": "gold"}),
        "token_exchange": (
            '[{ client = "web", resources = ["https://api.example.com"], kind = "impersonation" }]',
            "client.token_exchange",
            (ExchangeRule(ClientId("web"), ("https://api.example.com",), ExchangeKind.IMPERSONATION),),
        ),
        "disabled": ("true", "client.disabled", True),
    },
    "users": {
        "username": ('"grace"', "username", "grace"),
        "tenant": ('"acme"', "tenant_id", "acme"),
        "initial_password": ('"ada.password"', "initial_password", "correct horse battery"),
        "name": ('"Ada Lovelace"', "name", "Ada Lovelace"),
        "email": ('"lovelace@example.com"', "email", "lovelace@example.com"),
        "email_verified": ("true", "email_verified", True),
        "roles": ('["admin"]', "roles", frozenset({"admin"})),
        "claims": ('{ locale = "en-GB" }', "claims", {"locale": "en-GB"}),
        "disabled": ("true", "disabled", True),
    },
    "resources": {
        "identifier": ('"https://other.example.com"', "resource.identifier", "https://other.example.com"),
        "tenant": ('"acme"', "tenant_id", "acme"),
        "name": ('"Orders"', "resource.name", "Orders"),
        "scopes": ('{ "orders:read" = "See your orders" }', "resource.scopes", {"orders:read": "See your orders"}),
        "access_token_lifetime": ("120", "resource.access_token_lifetime", 120),
        "access_token_format": ('"opaque"', "resource.access_token_format", AccessTokenFormat.OPAQUE),
        "introspection_client_ids": ('["api"]', "resource.introspection_client_ids", ("api",)),
        "claims": (
            '{ roles = "user.roles", email = "user.email for email" }',
            "resource.claims",
            (ClaimRule("roles", "user.roles"), ClaimRule("email", "user.email", "email")),
        ),
        "signing_alg": ('"RS256"', "resource.signing_alg", "RS256"),
        "encryption_jwks": ('"orders.jwks.json"', "resource.encryption_jwks", ENCRYPTION_JWKS),
        "encryption_enc": ('"A128CBC-HS256"', "resource.encryption_enc", "A128CBC-HS256"),
        "disabled": ("true", "resource.disabled", True),
    },
    "trusted_issuers": {
        "issuer": ('"https://other.example.com"', "trusted_issuer.issuer", "https://other.example.com"),
        "tenant": ('"acme"', "tenant_id", "acme"),
        "clients": ('["shop", "importer"]', "trusted_issuer.clients", ("shop", "importer")),
        "scope": ('"orders:write"', "trusted_issuer.scope", Scope.parse("orders:write")),
        "jwks": ('"shop.jwks.json"', "trusted_issuer.jwks", "as in clients.jwks"),
        "jwks_uri": ('"https://idp.example.com/x"', "trusted_issuer.jwks_uri", "https://idp.example.com/x"),
        "algorithms": ('["ES256"]', "trusted_issuer.algorithms", ("ES256",)),
        "subject_claim": ('"upn"', "trusted_issuer.subject_claim", "upn"),
        "subject_match": ('"email"', "trusted_issuer.subject_match", SubjectMatch.EMAIL),
        "subjects": ('{ "42" = "ada" }', "trusted_issuer.subjects", {"42": "ada"}),
        "assertion_lifetime": ("60", "trusted_issuer.assertion_lifetime", 60),
        "disabled": ("true", "trusted_issuer.disabled", True),
    },
}  # fmt: skip

DECLARED_EXAMPLES["clients"] |= {
    member.name: (
        (member.example, "client.openid.pages", {member.name: json.loads(member.example)})
        if member.name in PAGES
        else (member.example, f"client.openid.{member.name}", member.read(json.loads(member.example)))
    )
    for member in CLIENT_MEMBERS
}
DECLARED_ROWS = [
    pytest.param(table, row, id=f"{table.name}.{row.path}") for table in DECLARATIONS for row in table.rows
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # A package of others that offers a grant, as if it were installed.
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "support" / "extension"))
    secrets = {
        "valetkey.key": b64encode(KEY).decode(),
        "other.key": OTHER_KEY.hex(),
        "shop.secret": SECRET,
        "other.secret": SECRET[::-1],
        "ada.password": "correct horse battery",
        "shop.jwks.json": JWKS,
        "orders.jwks.json": ENCRYPTION_JWKS,
        "valkey.url": VALKEY_URL,
    }
    for name, content in secrets.items():
        (tmp_path / name).write_text(content + "\n")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def loaded(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    path = folder / "valetkey.toml"
    path.write_text(text)
    return load(path, environ or {}, {})


def _config(changed: str = "", value: str = "") -> str:
    lines = {"issuer": '"https://login.example.com"', "key_encryption_key_file": '"valetkey.key"'}
    if changed:
        lines[changed] = value
    return "".join(f"{key} = {each}\n" for key, each in lines.items()) + COMPANIONS.get(changed, "") + "\n"


def _seen(value: object, folder: Path) -> object:
    reveal = getattr(value, "reveal", None)
    if reveal is not None:
        return reveal()
    return value.relative_to(folder).as_posix() if isinstance(value, Path) else value


def _key(row: Setting[object]) -> str:
    return row.path if row.from_file is FromFile.NO else f"{row.path}_file"


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.path)
def test_every_setting_of_a_file_is_seen_in_the_settings(folder: Path, row: Setting[object]) -> None:
    value, expected = SETTING_EXAMPLES[row.path]

    before = _seen(attrgetter(row.path)(loaded(folder, _config())), folder)
    after = _seen(attrgetter(row.path)(loaded(folder, _config(_key(row), value))), folder)

    assert after == expected
    assert after != before


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.path)
def test_every_setting_can_come_from_a_variable_that_is_believed_over_the_file(
    folder: Path, row: Setting[object]
) -> None:
    _, expected = SETTING_EXAMPLES[row.path]
    value = {
        "issuer": "https://id.example.org",
        "key_encryption_key": b64encode(OTHER_KEY).decode(),
        "previous_key_encryption_key": b64encode(OTHER_KEY).decode(),
        "keys.algorithms": "RS256, ES256,Ed448,ECDH-ES",
        "server.trusted_proxies": "10.1.0.0/16,::1",
        "server.hosts": "127.0.0.2, ::1",
        "outbound.allow": "keys.example,10.0.0.0/8",
        "outbound.block": "bad.example",
        "limits.endpoints": "9/1s",
        "limits.pages": "8/1s",
        "limits.attempts": "7/1m",
        "limits.registrations": "off",
        "limits.failed_clients": "5/10m",
        "limits.exempt": "10.20.0.0/16",
        "extensions.grants": "voucher",
    }.get(row.path, str(expected))

    settings = loaded(folder, _config(_key(row), row.example) + "\n", {variable_of(row.path): value})

    found = attrgetter(row.path)(settings)
    assert (found.as_posix() if isinstance(found, Path) else _seen(found, folder)) == expected


@pytest.mark.parametrize(("table", "row"), DECLARED_ROWS)
def test_every_key_of_a_declaration_is_seen_in_what_is_declared(
    folder: Path, table: DeclarationTable, row: Setting[object]
) -> None:
    value, place, expected = DECLARED_EXAMPLES[table.name][row.path]

    settings = loaded(folder, _declaring(table, row, value))

    declared = getattr(settings, table.name)
    found = attrgetter(place)(declared[1] if table is TENANTS else declared[0])
    if row.path == "secret":
        found = found[0].digest.value
    if row.path in ("jwks", "encryption_jwks"):
        written = JWKS if row.path == "jwks" else ENCRYPTION_JWKS
        found, expected = found.as_dict()["keys"][0]["x"], re.findall(r'"x":"([^"]+)"', written)[0]
    assert _seen(found, folder) == expected


def _declaring(table: DeclarationTable, row: Setting[object], value: str) -> str:
    key = _key(row)
    gone = {key, INSTEAD.get((table.name, row.path))}
    needed = [line for line in NEEDED[table.name].splitlines() if line.split(" = ")[0] not in gone]
    tenant = '[[tenants]]\nname = "acme"\n' if row.path == "tenant" else ""
    beside = [BESIDE[row.path]] if table is CLIENTS and row.path in BESIDE else []
    lines = "\n".join([*needed, *beside, f"{key} = {value}"])
    return f"{_config()}\n{tenant}[[{table.name}]]\n{lines}\n"


def test_every_kind_of_declaration_has_a_place_in_the_settings() -> None:
    assert {table.name for table in DECLARATIONS} == set(DECLARED_EXAMPLES)
    assert (TENANTS, CLIENTS, USERS, RESOURCES, TRUSTED_ISSUERS) == DECLARATIONS


def test_every_setting_and_key_has_a_line_on_the_reference_page() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text()
    sections = dict(
        re.findall(r"^## `(?:\[\[)?(\w+)(?:\]\])?`.*?\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    )

    for row in SETTINGS:
        assert f"`{row.path}`" in page
        assert row.doc.split(".")[0] in page
        assert f"`{variable_of(row.path)}`" in page
    for table in DECLARATIONS:
        for row in table.rows:
            assert f"`{row.path}`" in sections[table.name]


def test_the_reference_page_is_the_one_that_the_table_writes() -> None:
    written = subprocess.run(
        [sys.executable, ROOT / "tools/reference.py", "--check"], check=False, capture_output=True
    )

    assert written.returncode == 0, written.stderr.decode()


def test_the_template_shows_every_setting_and_every_key() -> None:
    text = template("https://login.example.com", "valetkey.key")

    for row in SETTINGS:
        assert re.search(rf"^(# )?{re.escape(_key(row).rpartition('.')[2])} = ", text, re.MULTILINE)
    for table in DECLARATIONS:
        start = text.index(f"# [[{table.name}]]")
        for row in table.rows:
            assert f"# {_key(row)} = {row.example}" in text[start:]


def test_the_template_is_accepted_as_it_is(folder: Path) -> None:
    settings = loaded(folder, template("https://login.example.com", "valetkey.key"))

    assert settings.issuer == Issuer("https://login.example.com")
    assert settings.key_encryption_key.reveal() == KEY
    assert settings.storage.path == folder / "valetkey.db"


def test_the_template_is_accepted_with_every_comment_of_the_declarations_taken_away(folder: Path) -> None:
    head, _, declared = template("https://login.example.com", "valetkey.key").partition("# --- what this file")
    lines = [line.removeprefix("# ") for line in declared.splitlines()[1:]]
    # Keys stand in one place: jwks_uri is the other one.
    keys = [line for line in lines if line.startswith("[[") or (" = " in line and "jwks_uri" not in line)]

    settings = loaded(folder, head + "\n".join(keys))

    assert [each.client.client_id for each in settings.clients] == ["shop"]
    assert [each.username for each in settings.users] == ["ada"]
    assert [each.resource.identifier for each in settings.resources] == ["https://api.example.com"]
    assert [tenant.tenant_id for tenant in settings.tenants] == ["default", "acme"]
