"""The pure parts of the session layer: what opens what, which path stays here, and who is named how."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.gateway.session.cookies import Cookies, SameSite
from valetkey.gateway.session.forwarding import Found, WrongPath, find, match, request_headers, response_headers
from valetkey.gateway.session.return_to import is_return_path, with_error
from valetkey.gateway.session.sealing import OwnKeys, Seal, SealBroken, SessionHandle, derived
from valetkey.gateway.session.settings import Forward
from valetkey.oauth.http import HttpRequest

ISSUER = "https://as.example"
FORWARD = Forward("/api/", "https://api.example/v1/", ("GET", "POST"))


def test_a_handle_finds_its_row_and_opens_it_and_the_row_gives_neither() -> None:
    handle = SessionHandle.draw()
    again = SessionHandle.parse(handle.reveal())
    assert again is not None
    assert again.row_id == handle.row_id
    sealed = handle.seal.close("tokens", b"secret")
    assert again.seal.open("tokens", sealed) == b"secret"
    assert handle.reveal() not in repr(handle)
    others = [SessionHandle.draw().row_id for _ in range(3)]
    assert handle.row_id not in others
    with pytest.raises(SealBroken):
        Seal(handle.row_id).open("tokens", sealed)


@pytest.mark.parametrize("change", [0, 1, 13, -1])
def test_a_sealed_text_that_was_changed_or_moved_does_not_open(change: int) -> None:
    seal = Seal(derived(b"k" * 32, "test"))
    sealed = bytearray(seal.close("here", b"text"))
    with pytest.raises(SealBroken):
        seal.open("there", bytes(sealed))
    sealed[change] ^= 1
    for broken in (bytes(sealed), b"", b"\x01", bytes(sealed[:12])):
        with pytest.raises(SealBroken):
            seal.open("here", broken)


def test_no_two_texts_are_sealed_alike() -> None:
    seal = Seal(derived(b"k" * 32, "test"))
    assert len({seal.close("here", b"text") for _ in range(50)}) == 50


def test_a_name_in_the_store_says_nothing_without_the_key() -> None:
    keys, others = OwnKeys(b"k" * 32), OwnKeys(b"j" * 32)
    owner = keys.owner(ISSUER, "alice", "sid-1")
    assert owner == OwnKeys(b"k" * 32).owner(ISSUER, "alice", "sid-1")
    assert owner.subject_key != others.owner(ISSUER, "alice", None).subject_key
    assert owner.subject_key != owner.sid_key
    assert keys.owner(ISSUER, "x", None).subject_key != keys.owner(ISSUER, None, "x").sid_key
    # Where one name ends and the next begins cannot be moved.
    assert keys.owner("a:1", "b", None) != keys.owner("a", "1:b", None)
    assert b"kkkk" not in repr(keys).encode()


@given(st.text(max_size=40))
def test_a_return_path_never_leaves_this_origin(text: str) -> None:
    if is_return_path(text):
        assert text.startswith("/")
        assert not text.startswith(("//", "/\\"))
        assert text.isascii()
        assert text.isprintable()


def test_an_error_goes_behind_the_query_that_is_there() -> None:
    assert with_error("/a", "x") == "/a?session_error=x"
    assert with_error("/a?b=c", "x") == "/a?b=c&session_error=x"


def test_over_loopback_http_the_cookie_has_no_prefix_and_no_secure() -> None:
    _, line = Cookies(is_https=False).written("vk_gateway_session", "v", SameSite.STRICT)
    assert line == "vk_gateway_session=v; Path=/; HttpOnly; SameSite=Strict"


@given(st.binary(max_size=30))
def test_a_path_that_is_found_is_sent_on_as_it_came_below_the_upstream(rest: bytes) -> None:
    found = find(FORWARD, "GET", b"/api/" + rest, b"")
    assert isinstance(found, (Found, WrongPath))
    if isinstance(found, Found):
        assert found.url(b"") == "https://api.example/v1/" + rest.decode("ascii")
        assert not {b".", b".."} & set(rest.split(b"/"))


def test_the_longest_prefix_decides_even_where_it_refuses() -> None:
    inner = Forward("/api/admin/", "https://admin.example/", ("GET",))
    assert match((FORWARD, inner), b"/api/admin/x") is inner
    assert match((inner, FORWARD), b"/api/administrator") is FORWARD
    assert match((FORWARD,), b"/ap") is None


def test_what_connection_names_is_dropped_but_never_the_framing() -> None:
    asked = ((b"connection", b"close, X-Own, Content-Length"), (b"x-own", b"1"), (b"content-length", b"3"))
    sent = dict(request_headers(asked, b"x-csrf", "token"))
    assert sent == {b"content-length": b"3", b"authorization": b"Bearer token"}
    told = dict(response_headers([(b"Connection", b"x-own"), (b"X-Own", b"1"), (b"Cache-Control", b"private")]))
    assert b"x-own" not in told
    assert told[b"cache-control"] == b"private"


def test_a_cookie_is_read_by_its_exact_name() -> None:
    cookies = Cookies(is_https=True)
    request = HttpRequest("GET", "/", headers=((b"cookie", b"vk_gateway_session=a; __Host-vk_gateway_session=b"),))
    assert cookies.read(request, "vk_gateway_session") == "b"
    assert cookies.logins(request) == ()
