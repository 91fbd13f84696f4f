"""The file, the environment and flags: each is believed over the one before."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from valetkey.authorization_server.model import ManagedBy
from valetkey.oauth.types import SecretText
from valetkey.settings import SettingsError, load
from valetkey.settings.view import REDACTED, declared_user_view, settings_view

KEY = bytes(range(32))
SPELT = urlsafe_b64encode(KEY).decode().rstrip("=")
ENVIRON = {"VALETKEY_ISSUER": "https://login.example.com", "VALETKEY_KEY_ENCRYPTION_KEY": SPELT}


def _config(folder: Path, text: str) -> Path:
    path = folder / "valetkey.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_environment_alone_is_a_configuration() -> None:
    settings = load(None, ENVIRON, {})

    assert str(settings.issuer) == "https://login.example.com"
    assert settings.key_encryption_key.reveal() == KEY
    assert settings.storage.path == Path("valetkey.db")
    assert [tenant.tenant_id for tenant in settings.tenants] == ["default"]


def test_a_variable_is_believed_over_the_file_and_a_flag_over_both(tmp_path: Path) -> None:
    config = _config(tmp_path, "[server]\nport = 1001\nworkers = 11\n[storage]\npath = 'a.db'\n")
    environ = {**ENVIRON, "VALETKEY_SERVER__PORT": "1002", "VALETKEY_SERVER__WORKERS": "12"}

    settings = load(config, environ, {"server.port": 1003, "server.drain_delay": None})

    assert (settings.server.port, settings.server.workers) == (1003, 12)
    assert settings.server.drain_delay == 5
    assert settings.storage.path == tmp_path / "a.db"


def test_a_wrong_flag_is_told_by_its_name() -> None:
    with pytest.raises(SettingsError) as raised:
        load(None, ENVIRON, {"server.port": 70_000, "server.drain_delay": -1})

    assert raised.value.lines == (
        "--port: expected a whole number from 0 to 65535, found 70000",
        "--drain-delay: expected a whole number of seconds from 0 to 600, found -1",
    )


def test_a_secret_comes_from_the_file_that_a_variable_names(tmp_path: Path) -> None:
    (tmp_path / "k").write_text(KEY.hex() + "\r\n")
    (tmp_path / "k").chmod(0o400)
    environ = {"VALETKEY_ISSUER": "https://a.example", "VALETKEY_KEY_ENCRYPTION_KEY_FILE": str(tmp_path / "k")}

    assert load(None, environ, {}).key_encryption_key.reveal() == KEY


def test_a_secret_in_a_variable_is_believed_over_a_file_of_the_configuration(tmp_path: Path) -> None:
    config = _config(tmp_path, 'key_encryption_key_file = "absent.key"\n')

    assert load(config, ENVIRON, {}).key_encryption_key.reveal() == KEY


@pytest.mark.parametrize(
    ("client_id", "spelt"), [("shop", "SHOP"), ("my-shop.example", "MY_SHOP_EXAMPLE"), ("Shop2", "SHOP2")]
)
def test_the_secret_of_a_declared_client_comes_from_a_variable(tmp_path: Path, client_id: str, spelt: str) -> None:
    config = _config(
        tmp_path,
        f'[[clients]]\nclient_id = "{client_id}"\nscope = "a"\ngrant_types = ["client_credentials"]\n',
    )
    secret = "0123456789abcdef0123456789abcdef"

    settings = load(config, {**ENVIRON, f"VALETKEY_CLIENTS__{spelt}__SECRET": secret}, {})

    (stored,) = settings.clients[0].client.secrets
    assert stored.digest.matches(SecretText(secret))


def test_two_digests_keep_two_secrets_alive(tmp_path: Path) -> None:
    digests = [hashlib.sha256(text).hexdigest() for text in (b"new", b"old")]
    listed = ", ".join(f'"sha256:{digest}"' for digest in digests)
    config = _config(
        tmp_path,
        f'[[clients]]\nclient_id = "m"\nscope = "a"\ngrant_types = ["client_credentials"]\nsecret = [{listed}]\n',
    )

    secrets = load(config, ENVIRON, {}).clients[0].client.secrets

    assert [secret.digest.value.hex() for secret in secrets] == digests
    assert len({secret.secret_id for secret in secrets}) == 2


def test_a_digest_in_a_variable_is_taken_as_the_digest(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"s").hexdigest()
    config = _config(tmp_path, '[[clients]]\nclient_id = "m"\nscope = "a"\ngrant_types = ["client_credentials"]\n')

    settings = load(config, {**ENVIRON, "VALETKEY_CLIENTS__M__SECRET": f"sha256:{digest}"}, {})

    assert settings.clients[0].client.secrets[0].digest.value.hex() == digest


def test_a_password_hash_is_taken_as_it_is(tmp_path: Path) -> None:
    phc = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
    config = _config(tmp_path, f'[[users]]\nusername = "ada"\ninitial_password = "{phc}"\n')

    assert load(config, ENVIRON, {}).users[0].initial_password == phc


def test_what_a_file_declares_is_managed_by_the_file_and_an_undeclared_default_tenant_is_not(
    tmp_path: Path,
) -> None:
    config = _config(tmp_path, '[[tenants]]\nname = "acme"\n[[resources]]\nidentifier = "https://a.example"\n')

    settings = load(config, {**ENVIRON, "VALETKEY_PROFILE": "OPENID"}, {})

    assert [(tenant.tenant_id, tenant.managed_by, tenant.profile) for tenant in settings.tenants] == [
        ("default", ManagedBy.OPERATOR, "OPENID"),
        ("acme", ManagedBy.FILE, "OPENID"),
    ]
    assert settings.resources[0].resource.managed_by is ManagedBy.FILE


def test_variables_of_other_programs_and_of_commands_are_no_settings() -> None:
    load(None, {**ENVIRON, "PATH": "/bin", "VALETKEY_CONFIG": "a", "VALETKEY_STATE": "b"}, {})


def test_no_secret_is_in_the_text_or_the_view_of_settings(tmp_path: Path) -> None:
    config = _config(tmp_path, '[[users]]\nusername = "ada"\ninitial_password = "correct horse"\n')

    settings = load(config, ENVIRON, {})

    shown = f"{settings!r} {settings_view(settings)} {declared_user_view(settings.users[0])}"
    assert SPELT not in shown
    assert repr(KEY) not in shown
    assert "correct horse" not in shown
    assert settings_view(settings)["key_encryption_key"] == REDACTED
