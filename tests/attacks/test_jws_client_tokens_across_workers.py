"""A token that a client signed, presented once to each worker of one gateway."""

from pathlib import Path

import pytest

from valetkey.gateway_server import plan_gateway
from valetkey.settings.errors import SettingsError
from valetkey.settings.guard_file import read_guard_file

FILE = """
resource = "https://api.example"

[[issuer]]
url = "https://issuer.example"

[[client]]
client_id = "batch"
secret_file = "secret"
scope = ["orders:read"]

[[route]]
path = "/orders"
methods = ["GET"]
scope = ["orders:read"]

[gateway]
contracts = ["nginx"]
trusted_peers = ["127.0.0.1"]

[serving]
workers = {workers}
"""


def _file(folder: Path, workers: int) -> Path:
    path = folder / "gateway.toml"
    path.write_text(FILE.format(workers=workers), "utf-8")
    return path


def test_no_gateway_of_several_workers_takes_tokens_that_count_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="client: tokens that clients sign count once"):
        plan_gateway(read_guard_file(_file(tmp_path, 2)))


def test_one_worker_may_take_them(tmp_path: Path) -> None:
    assert plan_gateway(read_guard_file(_file(tmp_path, 1))).serving.workers == 1
