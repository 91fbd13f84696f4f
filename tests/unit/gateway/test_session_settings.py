"""The table `[session]`: what it means, and everything that is wrong with it at once."""

from pathlib import Path

import pytest

from valetkey.gateway.session import Forward, SessionSettingsError, parse_session


@pytest.fixture
def table(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "secret").write_text("vk_cs_" + "s" * 43 + "\n")
    (tmp_path / "key").write_text("k" * 43 + "\n")
    return {
        "issuer": "https://login.example",
        "client_id": "app",
        "client_secret_file": str(tmp_path / "secret"),
        "key_file": str(tmp_path / "key"),
        "base_url": "https://app.example",
        "scope": "openid profile",
        "forwards": [{"prefix": "/api/", "upstream": "https://api.example/v1", "methods": ["GET"]}],
    }


def faults(table: dict[str, object]) -> tuple[str, ...]:
    with pytest.raises(SessionSettingsError) as refused:
        parse_session(table)
    return refused.value.faults


def test_a_good_table_says_where_the_client_has_its_addresses(table: dict[str, object]) -> None:
    settings = parse_session(table)
    assert settings.redirect_uri == "https://app.example/session/callback"
    assert settings.post_logout_redirect_uri == "https://app.example/"
    assert settings.backchannel_logout_uri == "https://app.example/session/backchannel_logout"
    assert settings.forwards == (Forward("/api/", "https://api.example/v1/", ("GET",)),)
    assert settings.client_secret.reveal() == "vk_cs_" + "s" * 43
    assert settings.key == b"k" * 43
    for secret in ("vk_cs_", "kkkk"):
        assert secret not in repr(settings)


def test_every_fault_is_told_at_once(table: dict[str, object]) -> None:
    table |= {"idle_timout": 60, "issuer": "http://login.example", "idle_timeout": True, "claims": "name"}
    del table["client_id"]
    told = faults(table)
    assert len(told) == 5
    assert "session.idle_timout: unknown; did you mean idle_timeout?" in told
    assert "session.client_id: missing" in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", "https://app.example/path"), ("base_url", "http://app.example"),
        ("base_url", "https://APP.example"),
        ("base_url", "https://app.example:443"), ("base_url", "https://a@app.example"), ("base_url", "app.example"),
        ("base_url", "null"), ("scope", "profile"), ("scope", "openid \t"), ("prefix", "/"), ("prefix", "session"),
        ("prefix", "/a/../b"), ("prefix", "/session/"), ("landing", "//evil.example"), ("landing", "/a//b"),
        ("csrf_header", "content-type"), ("csrf_header", "Accept"), ("csrf_header", "sec-own"),
        ("csrf_header", "a b"),
        ("csrf_value", ""), ("csrf_value", "a\r\nb"), ("idle_timeout", 0), ("idle_timeout", 90_000),
        ("absolute_timeout", -1), ("maximum_request", "10"), ("client_secret_file", "/nowhere/at/all"),
        ("key_file", 7),
        ("forwards", {}), ("forwards", ["/api/"]), ("insecure_http_upstreams", "yes"), ("resource", ""),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_a_fault(table: dict[str, object], name: str, value: object) -> None:
    (fault,) = faults(table | {name: value})
    assert fault.startswith(f"session.{name}")


@pytest.mark.parametrize(
    "row",
    [
        {"prefix": "api/", "upstream": "https://api.example"},
        {"prefix": "/api", "upstream": "https://api.example"},
        {"prefix": "/", "upstream": "https://api.example"},
        {"prefix": "/api/../", "upstream": "https://api.example"},
        {"prefix": "/api/%2e/", "upstream": "https://api.example"},
        {"prefix": "/session/api/", "upstream": "https://api.example"},
        {"prefix": "/api/", "upstream": "http://api.example"},
        {"prefix": "/api/", "upstream": "https://api.example?x=1"},
        {"prefix": "/api/", "upstream": "https://user:secret@api.example"},
        {"prefix": "/api/", "upstream": "https://api.example/a/../b"},
        {"prefix": "/api/", "upstream": "file:///etc/passwd"},
        {"prefix": "/api/", "upstream": "https://api.example", "methods": ["OPTIONS"]},
        {"prefix": "/api/", "upstream": "https://api.example", "methods": ["get"]},
        {"prefix": "/api/", "upstream": "https://api.example", "methods": []},
        {"prefix": "/api/", "upstream": "https://api.example", "method": ["GET"]},
        {"prefix": "/api/"},
    ],
)
def test_a_row_that_leads_astray_is_a_fault(table: dict[str, object], row: dict[str, object]) -> None:
    assert len(faults(table | {"forwards": [row]})) == 1


def test_two_rows_for_one_prefix_are_a_fault(table: dict[str, object]) -> None:
    row = {"prefix": "/api/", "upstream": "https://api.example"}
    assert faults(table | {"forwards": [row, row]}) == ("session.forwards: /api/ stands there twice",)


def test_plain_http_to_an_api_is_for_this_machine_or_a_network_that_the_operator_vouches_for(
    table: dict[str, object],
) -> None:
    near = {"prefix": "/api/", "upstream": "http://127.0.0.1:8000"}
    inside = {"prefix": "/in/", "upstream": "http://orders.internal:8000/v1/"}
    assert parse_session(table | {"forwards": [near]}).forwards[0].upstream == "http://127.0.0.1:8000/"
    opened = parse_session(table | {"forwards": [near, inside], "insecure_http_upstreams": True})
    assert opened.forwards[1].upstream == "http://orders.internal:8000/v1/"


def test_a_short_secret_or_key_is_refused(table: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "short").write_text("x" * 31)
    for name in ("client_secret_file", "key_file"):
        (fault,) = faults(table | {name: str(tmp_path / "short")})
        assert "xxx" not in fault
