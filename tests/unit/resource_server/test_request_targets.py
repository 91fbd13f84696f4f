import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.resource_server.path import LONGEST_TARGET, BadTarget, parse_target

# covers: GTW-05


@pytest.mark.parametrize(
    ("target", "segments"),
    [
        ("/", ("",)),
        ("/orders/7", ("orders", "7")),
        ("/orders/7/", ("orders", "7", "")),
        ("/orders/7?next=/admin&x=%2e%2e", ("orders", "7")),
        ("/%61dmin", ("admin",)),
        ("/caf%C3%A9", ("café",)),
        ("/a..b/c.d", ("a..b", "c.d")),
        ("/.well-known/x", (".well-known", "x")),
        ("/a:b@c,d=e", ("a:b@c,d=e",)),
        ("/a%20b", ("a b",)),
    ],
)
def test_a_path_is_its_decoded_segments(target: str, segments: tuple[str, ...]) -> None:
    assert parse_target(target).segments == segments


@pytest.mark.parametrize(
    "target",
    [
        "",
        "orders",
        "*",
        "http://api.example/orders",
        "//api.example/orders",
        "/orders//7",
        "/orders/../admin",
        "/orders/./7",
        "/orders/%2e%2e/admin",
        "/orders/%2E./admin",
        "/orders/.%2e/admin",
        "/orders%2fadmin",
        "/orders%2Fadmin",
        "/orders%5cadmin",
        "/orders\\admin",
        "/orders/%252e%252e/admin",
        "/orders;x=1/7",
        "/orders%3bx/7",
        "/admin.",
        "/admin./x",
        "/admin%2e",
        "/orders/7#admin",
        "/orders/%00",
        "/orders/%0d%0ax",
        "/orders/%7f",
        "/orders/%c0%ae",
        "/orders/%c1%9c",
        "/orders/%ff",
        "/orders/%e2%80%ae7",
        "/orders/%zz",
        "/orders/%4",
        "/orders/ 7",
        "/orders/7\n",
        "/orders/é",
        "/orders/7?a\nb",
        "/orders/7?a#b",
        "/" + "a/" * 80,
        "/" + "a" * LONGEST_TARGET,
    ],
)
def test_a_target_that_servers_read_in_two_ways_is_refused(target: str) -> None:
    with pytest.raises(BadTarget) as caught:
        parse_target(target)
    assert "admin" not in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    try:
        target = parse_target("/" + text)
    except BadTarget:
        return
    assert all(segment not in {".", ".."} and "/" not in segment for segment in target.segments)
    assert all(target.segments[:-1])
