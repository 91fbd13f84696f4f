"""The configurations on the how-to pages are ones that the server accepts."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

import pytest

from valetkey.settings import load

PAGES = Path(__file__).parents[3] / "docs" / "how-to"


@pytest.mark.parametrize(
    ("page", "clients"),
    [("provision-from-a-file.md", ["shop", "shop-spa", "warehouse"]), ("run-in-production.md", [])],
)
def test_the_configuration_of_a_page_is_accepted(tmp_path: Path, page: str, clients: list[str]) -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE)
    for name, content in {
        "valetkey.key": b64encode(bytes(range(32))).decode(),
        "shop.secret": "s" * 32,
        "ada.password": "correct horse",
    }.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "valetkey.toml").write_text(text)

    settings = load(tmp_path / "valetkey.toml", {}, {})

    assert [each.client.client_id for each in settings.clients] == clients
