"""`valetkey init` and `valetkey config`: a configuration is written, judged and shown."""

from __future__ import annotations

import json
import stat
from base64 import b64decode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from support.operator import Operator

DECLARED = """
[[clients]]
client_id = "shop"
scope = "openid"
secret_file = "shop.secret"
redirect_uris = ["https://shop.example.com/cb"]

[[users]]
username = "ada"
initial_password = "correct horse battery"

[[resources]]
identifier = "https://api.example.com"
"""


def _declaring(operator: Operator, text: str = DECLARED) -> None:
    secret = operator.config.parent / "shop.secret"
    secret.write_text("s" * 40)
    secret.chmod(0o600)
    operator.config.write_text(operator.config.read_text() + text)


def test_init_writes_a_configuration_and_a_key_that_only_the_owner_reads(operator: Operator) -> None:
    key = operator.config.with_suffix(".key")

    assert stat.S_IMODE(key.stat().st_mode) == stat.S_IMODE(operator.config.stat().st_mode) == 0o600
    assert len(b64decode(key.read_text())) == 32
    assert key.read_text().strip() not in operator.config.read_text()


def test_two_inits_draw_two_keys(operator: Operator, tmp_path: Path) -> None:
    operator.bare("init", "--output", str(tmp_path / "other.toml"))

    assert (tmp_path / "other.key").read_text() != (tmp_path / "valetkey.key").read_text()


def test_init_overwrites_neither_file(operator: Operator, tmp_path: Path) -> None:
    before = operator.config.read_bytes(), operator.config.with_suffix(".key").read_bytes()
    (tmp_path / "third.key").write_text("mine")

    again = operator.bare("init", "--output", str(operator.config))
    beside = operator.bare("init", "--output", str(tmp_path / "third.toml"))

    assert (again.exit_code, beside.exit_code) == (1, 1)
    assert "exists and is left as it is" in again.stderr
    assert (operator.config.read_bytes(), operator.config.with_suffix(".key").read_bytes()) == before
    assert (tmp_path / "third.key").read_text() == "mine"
    assert not (tmp_path / "third.toml").exists()


def test_init_refuses_an_issuer_that_no_server_may_have(operator: Operator, tmp_path: Path) -> None:
    result = operator.bare("init", "--output", str(tmp_path / "x.toml"), "--issuer", "http://login.example.com")

    assert result.exit_code == 1
    assert "an issuer is an https URL" in result.stderr
    assert not list(tmp_path.glob("x.*"))


def test_init_says_where_it_cannot_write(operator: Operator, tmp_path: Path) -> None:
    result = operator.bare("init", "--output", str(tmp_path / "absent/valetkey.toml"))

    assert result.exit_code == 1
    assert (
        result.stderr == f"valetkey: {tmp_path}/absent/valetkey.key cannot be written: no such file or directory\n"
    )


def test_a_sound_configuration_is_called_so(operator: Operator) -> None:
    _declaring(operator)

    result = operator.bare("config", "check", str(operator.config))
    machine = json.loads(operator.bare("config", "check", str(operator.config), "--json").stdout)

    assert (result.exit_code, result.stderr) == (0, "")
    counted = "1 tenant, 1 client, 1 user, 1 resource, 0 trusted issuers"
    assert result.stdout.endswith(f"issuer http://localhost:8080; {counted}\n")
    assert machine == {
        "sound": True, "issuer": "http://localhost:8080", "tenants": 1, "clients": 1, "users": 1, "resources": 1,
        "trusted_issuers": 0,
    }  # fmt: skip


# covers: FLT-16
def test_every_fault_of_a_configuration_is_one_line_and_the_exit_code_is_78(operator: Operator) -> None:
    _declaring(operator, '\n[[client]]\nclient_id = "shop"\n[[users]]\nusernam = "ada"\n')

    result = operator.bare("config", "check", str(operator.config))
    machine = operator.bare("config", "check", str(operator.config), "--json")

    assert (result.exit_code, machine.exit_code, result.stdout) == (78, 78, "")
    assert result.stderr.splitlines() == [
        f"{operator.config}: client: unknown setting; did you mean clients?",
        f"{operator.config}: users[1].usernam: unknown setting; did you mean username?",
        f"{operator.config}: users[1].username: missing; expected a text",
    ]
    assert json.loads(machine.stdout) == {"sound": False, "faults": result.stderr.splitlines()}


def test_a_configuration_is_shown_without_its_secrets(operator: Operator) -> None:
    _declaring(operator)
    key = operator.config.with_suffix(".key").read_text().strip()

    text = operator.bare("config", "show", str(operator.config)).output
    shown = json.loads(operator.bare("config", "show", str(operator.config), "--json").stdout)

    for secret in (key, "s" * 40, "correct horse battery"):
        assert secret not in text
        assert secret not in json.dumps(shown)
    assert (shown["issuer"], shown["key_encryption_key"]) == ("http://localhost:8080", "[redacted]")
    assert shown["clients"][0]["client_id"] == "shop"
    assert shown["users"][0]["initial_password"] == "[redacted]"
    assert shown["resources"][0]["identifier"] == "https://api.example.com"
