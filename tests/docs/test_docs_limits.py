"""The configuration on the page about limits is one that the server reads, and says what holds without it."""

from base64 import b64encode
from pathlib import Path

from support.documents.markdown import read_page
from support.documents.running import ROOT
from valetkey.settings import load
from valetkey.settings.view import settings_view

PAGE = ROOT / "docs" / "how-to" / "limit-requests.md"


def test_the_limits_on_the_page_are_read_and_are_those_that_hold_by_default(tmp_path: Path) -> None:
    (source,) = (block.source for block in read_page(PAGE).blocks if block.directive("file") == "valetkey.toml")
    for name, content in {
        "valetkey.key": b64encode(bytes(range(32))).decode(),
        "valkey.url": "redis://valkey.internal:6379/0",
    }.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "valetkey.toml"
    path.write_text(source)
    on_page = settings_view(load(path, {}, {}))
    path.write_text('issuer = "https://login.example.com"\nkey_encryption_key_file = "valetkey.key"\n')
    by_default = settings_view(load(path, {}, {}))
    changed = {name for name, value in on_page.items() if value != by_default[name]}
    assert changed == {"limits.exempt", "valkey.url"}
