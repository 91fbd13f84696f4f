"""Every fault of a configuration is told in one clear line, all of them at once (HARDENING FLT-16)."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from valetkey.authorization_server.model import AuthenticationMethod
from valetkey.settings import SettingsError, load

if TYPE_CHECKING:
    from pathlib import Path

METHODS = ", ".join(method.value for method in AuthenticationMethod)
KEY = b64encode(bytes(range(32))).decode()
SOUND = 'issuer = "https://login.example.com"\nkey_encryption_key_file = "valetkey.key"\n'
CLIENT = '[[clients]]\nclient_id = "shop"\nscope = "openid"\nsecret_file = "shop.secret"\n'
REDIRECT = 'redirect_uris = ["https://shop.example.com/cb"]\n'


def _private(path: Path, content: str, mode: int = 0o600) -> None:
    path.write_text(content)
    path.chmod(mode)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    _private(tmp_path / "valetkey.key", KEY)
    _private(tmp_path / "shop.secret", "s" * 32)
    _private(tmp_path / "valetkey.toml", SOUND)
    return tmp_path / "valetkey.toml"


def faults(config: Path, text: str = SOUND, environ: dict[str, str] | None = None) -> list[str]:
    config.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load(config, environ or {}, {})
    return [line.replace(f"{config.parent}/", "") for line in raised.value.lines]


# covers: FLT-16
@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("isuer = 1\n", "isuer: unknown setting; did you mean issuer?", id="misspelt"),
        pytest.param("port = 80\n", "port: unknown setting; did you mean server.port?", id="outside its table"),
        pytest.param(
            "[server]\nprt = 1\n", "server.prt: unknown setting; did you mean server.port?", id="in a table"
        ),
        pytest.param("xyzzy = 1\n", "xyzzy: unknown setting", id="like nothing known"),
        pytest.param("server = 5\n", "server: expected a table [server]", id="a value for a table"),
        pytest.param("clients = 5\n", "clients: expected tables [[clients]]", id="a value for an array"),
        pytest.param(
            '[server]\nport = "x"\n', 'server.port: expected a whole number from 0 to 65535, found "x"', id="text"
        ),
        pytest.param(
            "[server]\nport = 65536\n",
            "server.port: expected a whole number from 0 to 65535, found 65536",
            id="range",
        ),
        pytest.param(
            "[server]\nport = true\n",
            "server.port: expected a whole number from 0 to 65535, found true",
            id="boolean",
        ),
        pytest.param(
            'profile = "FAPI"\n',
            'profile: expected one of OAUTH_2_1, OPENID, MCP, LEGACY, found "FAPI"',
            id="profile",
        ),
        pytest.param(
            '[log]\nformat = "xml"\n', 'log.format: expected one of json, text, found "xml"', id="enumeration"
        ),
        pytest.param(
            '[server]\nhosts = ["localhost"]\n',
            'server.hosts: expected IP addresses to listen on, such as 127.0.0.1 or ::, found ["localhost"]',
            id="host name",
        ),
        pytest.param("[server]\nhosts = []\n", "server.hosts: expected at least one IP address", id="no host"),
        pytest.param(
            '[server]\ntrusted_proxies = ["*"]\n',
            'server.trusted_proxies: expected IP addresses or networks such as 10.0.0.0/8, found ["*"]',
            id="any proxy",
        ),
        pytest.param(
            '[outbound]\nallow = ["*.internal.example"]\n',
            "outbound.allow: expected a list of host names, IP addresses or networks such as 10.0.0.0/8, "
            'found ["*.internal.example"]',
            id="pattern of hosts",
        ),
        pytest.param(
            '[outbound]\nblock = ["*"]\n',
            'outbound.block: expected a list of host names or URLs, found ["*"]',
            id="block of everything",
        ),
        pytest.param(
            '[server]\ntls_key = "k.pem"\n',
            "server.tls_certificate: expected server.tls_certificate and server.tls_key together",
            id="half of TLS",
        ),
        pytest.param(
            '[keys]\nalgorithms = ["RS256", "Ed25519"]\n',
            "keys.algorithms: expected ES256 and RS256 among them: the server itself signs with these",
            id="without a needed algorithm",
        ),
        pytest.param(
            '[keys]\nalgorithms = ["RS256", "ES256", "RS256"]\n',
            "keys.algorithms: expected each algorithm once",
            id="algorithm twice",
        ),
        pytest.param(
            "[keys]\nrotation_days = 1\nannounce_seconds = 86400\n",
            "keys.announce_seconds: expected less than the 1 days of keys.rotation_days",
            id="announced for longer than used",
        ),
        pytest.param(
            "[keys]\nannounce_seconds = 119\n",
            "keys.announce_seconds: expected a whole number of seconds from 120 to 2592000, found 119",
            id="announced too late",
        ),
        pytest.param(
            'previous_key_encryption_key_file = "valetkey.key"\n',
            "previous_key_encryption_key: expected another secret than key_encryption_key",
            id="the same secret twice",
        ),
        pytest.param(
            '[[resources]]\nidentifier = "api"\n',
            "resources[api].identifier: expected an absolute URI without fragment (RFC 8707, 2)",
            id="resource identifier",
        ),
        pytest.param(
            '[[tenants]]\nname = "Acme/.."\n',
            "tenants[Acme/..].name: expected at most 63 of a-z, 0-9 and inner hyphens",
            id="tenant name",
        ),
        pytest.param(
            '[[tenants]]\nname = "acme"\naccent = "red; }"\n',
            "tenants[acme].accent: expected a colour such as #2454d6",
            id="accent",
        ),
        pytest.param(
            '[[tenants]]\nname = "default"\ndisabled = true\n',
            "tenants[default].disabled: the default tenant stands at the root of the server and cannot be switched "
            "off",
            id="default tenant",
        ),
        pytest.param(
            '[[users]]\nname = "Ada"\n', "users[1].username: missing; expected a text", id="nameless declaration"
        ),
        pytest.param(
            '[[users]]\nusername = "ada"\ntenant = "acm"\n[[tenants]]\nname = "acme"\n',
            "users[ada].tenant: no tenant acm is declared; did you mean acme?",
            id="unknown tenant",
        ),
        pytest.param(
            '[[users]]\nusername = "ada"\n[[users]]\nusername = "ADA "\n',
            "users[ADA ]: declared twice in tenant default",
            id="twice under one user name",
        ),
        pytest.param(
            '[[users]]\nusername = "ada"\nclaims = { sub = "x" }\n',
            "users[ada].claims: sub is stated by the server or has a field of its own",
            id="reserved claim",
        ),
        pytest.param(
            '[[users]]\nusername = "ada"\nclaims = { born = 1815-12-10 }\n',
            'users[ada].claims: expected a table of texts, numbers, lists and tables, found {"born": "1815-12-10"}',
            id="claim without JSON",
        ),
    ],
)
def test_a_bad_configuration_gives_one_clear_line(config: Path, text: str, line: str) -> None:
    assert faults(config, SOUND + text) == [f"valetkey.toml: {line}"]


# covers: FLT-16
@pytest.mark.parametrize(
    ("fields", "line"),
    [
        pytest.param(
            'redirect_uris = ["http://shop.example.com/cb"]',
            "redirect_uris: 'http://shop.example.com/cb': http is for 127.0.0.1, [::1] and localhost alone: "
            "use https",
            id="http redirect",
        ),
        pytest.param(
            'redirect_uri = ["https://shop.example.com/cb"]\n' + REDIRECT,
            "redirect_uri: unknown setting; did you mean redirect_uris?",
            id="misspelt key",
        ),
        pytest.param("", "redirect_uris: authorization_code needs a redirect URI", id="no redirect URI"),
        pytest.param(
            'grant_types = ["password"]',
            "grant_types: profile OAUTH_2_1 knows authorization_code, client_credentials, refresh_token, "
            "urn:ietf:params:oauth:grant-type:device_code, urn:ietf:params:oauth:grant-type:jwt-bearer, "
            "urn:ietf:params:oauth:grant-type:token-exchange, "
            "not password",
            id="grant type that the profile lacks",
        ),
        pytest.param(
            'id_token_signed_response_alg = "none"\n' + REDIRECT,
            "id_token_signed_response_alg: expected one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, "
            "ES512, ES256K, EdDSA, Ed25519, Ed448, HS256, HS384, HS512",
            id="unsigned ID Token",
        ),
        pytest.param(
            'resources = ["api"]\n' + REDIRECT,
            "resources: expected absolute URIs without fragment, found 'api'",
            id="resource",
        ),
        pytest.param(
            'authentication_method = "none"\n' + REDIRECT,
            "secret_file: a client that authenticates by none has no secret",
            id="secret of a public client",
        ),
        pytest.param(
            'authentication_method = "password"\n' + REDIRECT,
            f'authentication_method: expected one of {METHODS}, found "password"',
            id="authentication method",
        ),
        pytest.param(
            'consent = "never"\n' + REDIRECT, 'consent: expected one of ask, remember, first_party, found "never"'
        ),
        pytest.param(
            'name = "\\u202Emosc.elgoog"\n' + REDIRECT,
            "name: expected 1 to 100 printable characters",
            id="deceptive",
        ),
    ],
)
def test_a_bad_client_gives_one_clear_line(config: Path, fields: str, line: str) -> None:
    assert faults(config, f"{SOUND}{CLIENT}{fields}") == [f"valetkey.toml: clients[shop].{line}"]


def test_a_bad_scope_is_told_with_what_is_expected(config: Path) -> None:
    text = CLIENT.replace('"openid"', '"a\\"b"') + REDIRECT

    assert faults(config, SOUND + text) == [
        'valetkey.toml: clients[shop].scope: expected scope names separated by single spaces, found "a\\"b"'
    ]


# covers: FLT-16
@pytest.mark.parametrize(
    "issuer", ["http://login.example.com", "https://a?b", "login", "https://a#f", "https://u@a"]
)
def test_an_issuer_must_be_an_https_url(config: Path, issuer: str) -> None:
    (line,) = faults(config, SOUND.replace("https://login.example.com", issuer))

    assert line.startswith("valetkey.toml: issuer: expected an issuer ")
    assert line.endswith(f'found "{issuer}"')


def test_an_http_issuer_is_served_on_loopback_only(config: Path) -> None:
    text = SOUND.replace("https://login.example.com", "http://localhost:8080")

    assert faults(config, text + '[server]\nhosts = ["0.0.0.0"]\n') == [
        "valetkey.toml: server.hosts: expected loopback addresses only, because the issuer is a http URL"
    ]


# covers: FLT-16
def test_what_must_be_set_is_named_when_it_is_missing(config: Path) -> None:
    assert faults(config, "") == [
        (
            "valetkey.toml: issuer: missing; expected an https URL without query, fragment and final slash "
            "(http only on loopback)"
        ),
        "valetkey.toml: key_encryption_key: missing; expected at least 32 random bytes as base64 or hex",
    ]


# covers: FLT-16
@pytest.mark.parametrize(
    "weak", [b64encode(bytes(31)).decode(), b64encode(bytes(32)).decode(), "0" * 64, "password" * 8, "", "?" * 60]
)
def test_a_weak_key_encryption_key_is_refused_without_showing_it(config: Path, weak: str) -> None:
    (line,) = faults(config, 'issuer = "https://login.example.com"\n', {"VALETKEY_KEY_ENCRYPTION_KEY": weak})

    assert line == (
        "VALETKEY_KEY_ENCRYPTION_KEY: expected at least 32 random bytes as base64 or hex (openssl rand -base64 32)"
    )


# covers: FLT-16
@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_a_secrets_file_that_everybody_can_read_is_refused(config: Path, mode: int) -> None:
    (config.parent / "valetkey.key").chmod(mode)

    assert faults(config) == [
        (
            "valetkey.toml: key_encryption_key_file: expected a file that other users cannot read "
            "(chmod 600 valetkey.key)"
        )
    ]


def test_a_secret_may_be_readable_by_a_group(config: Path) -> None:
    (config.parent / "valetkey.key").chmod(0o640)

    assert load(config, {}, {}).key_encryption_key.reveal() == bytes(range(32))


def test_a_secrets_file_that_is_not_there_is_named(config: Path) -> None:
    (config.parent / "valetkey.key").unlink()

    assert faults(config) == [
        (
            "valetkey.toml: key_encryption_key_file: expected a readable file, and valetkey.key is not: "
            "no such file or directory"
        )
    ]


def test_a_key_encryption_key_does_not_stand_in_the_configuration(config: Path) -> None:
    (line,) = faults(config, f'issuer = "https://login.example.com"\nkey_encryption_key = "{KEY}"\n')

    assert line.startswith("valetkey.toml: key_encryption_key: expected key_encryption_key_file or VALETKEY_")
    assert KEY not in line


# covers: FLT-16
def test_a_client_secret_below_thirty_two_characters_is_refused(config: Path) -> None:
    _private(config.parent / "shop.secret", "s" * 31)

    assert faults(config, SOUND + CLIENT + REDIRECT) == [
        "valetkey.toml: clients[shop].secret_file: expected a secret of at least 32 characters"
    ]


def test_a_secret_that_is_a_key_is_as_long_as_its_algorithm_wants_it(config: Path) -> None:
    signed = 'id_token_signed_response_alg = "HS512"\n'
    assert faults(config, SOUND + CLIENT + REDIRECT + signed) == [
        "valetkey.toml: clients[shop].secret_file: HS512 needs a secret of at least 64 bytes, which is its key"
    ]
    _private(config.parent / "shop.secret", "s" * 64)
    config.write_text(SOUND + CLIENT + REDIRECT + signed)
    assert load(config, {}, {}).declarations.clients[0].client.id_token_signed_response_alg == "HS512"


@pytest.mark.parametrize(
    "member", ['userinfo_signed_response_alg = "HS256"', 'id_token_encrypted_response_alg = "A128KW"']
)
def test_a_digest_is_no_key(config: Path, member: str) -> None:
    digest = CLIENT.replace('secret_file = "shop.secret"', f'secret = "sha256:{"0" * 64}"')
    (line,) = faults(config, SOUND + digest + REDIRECT + member + "\n")
    assert "needs the secret itself, which is its key, not its digest" in line


def test_a_client_secret_in_the_file_itself_must_be_a_digest(config: Path) -> None:
    text = SOUND + CLIENT.replace("secret_file", "secret").replace("shop.secret", "s" * 40) + REDIRECT

    (line,) = faults(config, text)

    assert line.startswith(
        "valetkey.toml: clients[shop].secret: expected the secret's digest sha256:<64 hex digits>"
    )
    assert "s" * 40 not in line


def test_a_readable_configuration_holds_no_password(config: Path) -> None:
    text = SOUND + '[[users]]\nusername = "ada"\ninitial_password = "correct horse"\n'
    config.write_text(text)

    config.chmod(0o600)
    assert load(config, {}, {}).users[0].username == "ada"
    config.chmod(0o644)
    assert faults(config, text) == [
        (
            "valetkey.toml: users[ada].initial_password: expected a file that other users cannot read "
            "(chmod 600 valetkey.toml)"
        )
    ]


def test_private_keys_among_a_clients_keys_are_refused(config: Path) -> None:
    key = '{ kty = "oct", k = "AAAA" }'
    text = CLIENT.replace('secret_file = "shop.secret"\n', 'authentication_method = "private_key_jwt"\n')

    (line,) = faults(config, f"{SOUND}{text}{REDIRECT}jwks = {{ keys = [{key}] }}\n")

    assert line.startswith("valetkey.toml: clients[shop].jwks: expected a JWK Set of public keys")


# covers: FLT-16
@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {"VALETKEY_SERVER__PRT": "1"},
            "VALETKEY_SERVER__PRT: unknown variable; did you mean VALETKEY_SERVER__PORT?",
        ),
        ({"VALETKEY_SERVER__PORT": "x"}, "VALETKEY_SERVER__PORT: expected a whole number from 0 to 65535"),
        (
            {"VALETKEY_SERVER__PORT": "70000"},
            "VALETKEY_SERVER__PORT: expected a whole number from 0 to 65535, found 70000",
        ),
        (
            {"VALETKEY_CLIENTS__SHOP__SECRET": "x"},
            (
                "VALETKEY_CLIENTS__SHOP__SECRET: unknown variable; "
                "the file has no [[clients]] with a client_id spelt shop"
            ),
        ),
    ],
)
def test_a_bad_variable_gives_one_clear_line(config: Path, environ: dict[str, str], line: str) -> None:
    assert faults(config, SOUND, environ) == [line]


def test_a_value_and_its_file_are_not_both_set(config: Path) -> None:
    environ = {"VALETKEY_KEY_ENCRYPTION_KEY": KEY, "VALETKEY_KEY_ENCRYPTION_KEY_FILE": "k"}

    assert faults(config, SOUND, environ) == [
        "VALETKEY_KEY_ENCRYPTION_KEY_FILE: VALETKEY_KEY_ENCRYPTION_KEY is set as well; expected one of the two"
    ]


# covers: FLT-16
def test_every_fault_is_told_at_once(config: Path) -> None:
    lines = faults(config, 'isuer = "x"\n[server]\nport = "x"\n', {"VALETKEY_NOPE": "1"})

    assert [line.rpartition(": ")[0].split(";")[0] for line in lines] == [
        "valetkey.toml: isuer",
        "VALETKEY_NOPE",
        "valetkey.toml: issuer",
        "valetkey.toml: key_encryption_key",
        "valetkey.toml: server.port",
    ]


@pytest.mark.parametrize("text", ["issuer = ", "issuer = 'a'\nissuer = 'b'", "a = \x00"])
def test_what_is_no_toml_is_told_with_its_place(config: Path, text: str) -> None:
    (line,) = faults(config, text)

    assert line.startswith("valetkey.toml: expected TOML: ")
    assert "(at " in line


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        load(tmp_path / "nope.toml", {}, {})

    assert raised.value.lines == (
        f"{tmp_path}/nope.toml: cannot be read: no such file or directory (valetkey init writes a new one)",
    )
