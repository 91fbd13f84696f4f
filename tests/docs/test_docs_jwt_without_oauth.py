"""The example server that issues and verifies its own JWTs keeps what its page promises."""

from __future__ import annotations

import importlib.util
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from support.documents.running import ROOT
from valetkey.jose import Jwk, jwt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ORIGIN = "https://notes.example"
PASSWORD = "correct horse battery staple"
COOKIE = "__Host-session"
KEY = Jwk.generate("HS256")


@pytest.fixture(scope="module")
def server() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(
        "jwt_without_oauth_server", ROOT / "examples" / "jwt_without_oauth" / "server.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000

    def __call__(self) -> int:
        return self.now


class Site:
    """The running example, and browsers that visit it."""

    def __init__(self, server: ModuleType, users: Path) -> None:
        self.clock = Clock()
        self.store = server.Store(users)
        self.app = server.application(ORIGIN, KEY, self.store, self.clock)

    def browser(self, token: str | None = None) -> TestClient:
        cookies = {} if token is None else {COOKIE: token}
        return TestClient(self.app, base_url=ORIGIN, cookies=cookies, headers={"origin": ORIGIN})

    def signed_in(self) -> TestClient:
        browser = self.browser()
        assert sign_in(browser).status_code == 200
        assert greets(browser)
        return browser


@pytest.fixture(scope="module")
def users(server: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The users of every site, hashed once: a hash is slow on purpose."""
    path = tmp_path_factory.mktemp("users") / "users.db"
    server.Store(path).put_user("alice", PASSWORD)
    return path


@pytest.fixture
def site(server: ModuleType, users: Path, tmp_path: Path) -> Site:
    return Site(server, Path(shutil.copy(users, tmp_path / "users.db")))


def sign_in(browser: TestClient, name: str = "alice", password: str = PASSWORD, **options: Any) -> Any:
    return browser.post("/sign-in", data={"name": name, "password": password}, **options)


def greets(browser: TestClient) -> bool:
    return "Hello, alice" in browser.get("/").text


def test_who_knows_the_password_is_signed_in_by_a_cookie_that_no_script_reads(site: Site) -> None:
    browser = site.browser()
    assert not greets(browser)
    answer = sign_in(browser, follow_redirects=False)
    assert answer.status_code == 303
    attributes = answer.headers["set-cookie"].lower()
    for wanted in ("__host-session=", "httponly", "secure", "samesite=lax", "path=/", "max-age=28800"):
        assert wanted in attributes
    assert "domain" not in attributes
    assert greets(browser)
    assert browser.get("/").headers["cache-control"] == "no-store"


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(site: Site) -> None:
    answers = [sign_in(site.browser(), name, "wrong") for name in ("alice", "nobody")]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].text == answers[1].text
    assert not any("set-cookie" in answer.headers for answer in answers)


def test_guessing_is_stopped_for_a_while(site: Site) -> None:
    codes = [sign_in(site.browser(), password=f"guess {number}").status_code for number in range(11)]
    assert codes == [401] * 10 + [429]
    assert sign_in(site.browser()).status_code == 429
    site.clock.now += 901
    assert sign_in(site.browser()).status_code == 200


def test_signing_out_kills_the_token_and_not_only_the_cookie(site: Site) -> None:
    browser, other = site.signed_in(), site.signed_in()
    copied = browser.cookies[COOKIE]
    assert greets(site.browser(copied))
    answer = browser.post("/sign-out")
    assert answer.status_code == 200
    assert COOKIE not in browser.cookies
    assert not greets(site.browser(copied))
    assert greets(other)


def test_signing_out_everywhere_and_a_new_password_kill_every_token(site: Site) -> None:
    first, second = site.signed_in(), site.signed_in()
    first.post("/sign-out-everywhere")
    assert not greets(second)
    third = site.signed_in()
    site.store.put_user("alice", PASSWORD)
    assert not greets(third)
    assert greets(site.signed_in())


def test_a_logout_outlives_a_restart(server: ModuleType, site: Site) -> None:
    browser = site.signed_in()
    token = browser.cookies[COOKIE]
    browser.post("/sign-out")
    site.app = server.application(ORIGIN, KEY, server.Store(site.store.path), site.clock)
    assert not greets(site.browser(token))


def test_a_token_ends_after_its_lifetime_and_is_then_forgotten(site: Site) -> None:
    browser = site.signed_in()
    site.clock.now += 8 * 3600 - 1
    assert greets(browser)
    site.clock.now += 1
    assert not greets(browser)
    other = site.signed_in()
    other.post("/sign-out")
    site.clock.now += 9 * 3600
    site.signed_in().post("/sign-out")
    with site.store.open() as db:
        assert db.execute("select count(*) from ended").fetchone() == (1,)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://notes.example"},
        {"sec-fetch-site": "cross-site", "origin": ORIGIN},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_cannot_sign_anybody_in_or_out(site: Site, headers: dict[str, str]) -> None:
    browser = site.signed_in()
    for path in ("/sign-out", "/sign-out-everywhere"):
        assert browser.post(path, headers=headers).status_code == 403
    assert greets(browser)
    assert sign_in(site.browser(), headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}])
def test_the_site_itself_and_the_person_may(site: Site, headers: dict[str, str]) -> None:
    browser = site.signed_in()
    browser.post("/sign-out", headers=headers)
    assert not greets(browser)


def test_looking_changes_nothing(site: Site) -> None:
    browser = site.signed_in()
    for path in ("/sign-out", "/sign-out-everywhere"):
        assert browser.get(path).status_code == 405
    assert greets(browser)


def test_no_token_but_ours_is_believed(site: Site) -> None:
    now = site.clock.now
    ours = {"iss": ORIGIN, "aud": ORIGIN, "sub": "alice", "iat": now, "exp": now + 60, "jti": "1", "gen": 1}
    assert greets(site.browser(jwt.sign(ours, KEY, typ="session+jwt")))
    stranger = Jwk.parse({**Jwk.generate("HS256").as_private_dict(), "kid": KEY.kid})
    for token in (
        jwt.sign(ours, stranger, typ="session+jwt"),
        jwt.sign(ours, KEY, typ="JWT"),
        jwt.sign({**ours, "aud": "https://other.example"}, KEY, typ="session+jwt"),
        jwt.sign({**ours, "gen": 0}, KEY, typ="session+jwt"),
        jwt.sign({**ours, "gen": True}, KEY, typ="session+jwt"),
        jwt.sign({**ours, "gen": "1"}, KEY, typ="session+jwt"),
        jwt.sign({**ours, "gen": {"a": 1}}, KEY, typ="session+jwt"),
        jwt.sign({**ours, "sub": "nobody"}, KEY, typ="session+jwt"),
        jwt.sign({name: value for name, value in ours.items() if name != "gen"}, KEY, typ="session+jwt"),
        jwt.sign({name: value for name, value in ours.items() if name != "jti"}, KEY, typ="session+jwt"),
        "eyJhbGciOiJub25lIn0.e30.",
        "x",
    ):
        answer = site.browser(token).get("/")
        assert answer.status_code == 200
        assert "Hello" not in answer.text, token


def test_a_name_cannot_become_markup(site: Site) -> None:
    name = '<script>alert("x")</script>'
    site.store.put_user(name, PASSWORD)
    browser = site.browser()
    sign_in(browser, name)
    text = browser.get("/").text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in browser.get("/").headers["content-security-policy"]


def test_the_key_is_made_once_and_readable_by_its_owner_alone(server: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "session.jwk"
    first = server.read_or_make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert server.read_or_make_key(path).thumbprint() == first.thumbprint()


def test_a_password_is_kept_as_a_salted_hash(site: Site) -> None:
    site.store.put_user("bob", PASSWORD)
    assert PASSWORD.encode() not in site.store.path.read_bytes()
    with site.store.open() as db:
        assert len(set(db.execute("select password from users").fetchall())) == 2
