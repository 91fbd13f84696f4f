"""Resource indicators: absolute, without fragment, and the nearest of ours for the error text."""

import pytest

from valetkey.oauth.resource import is_identifier, nearest

OURS = ("https://api.example/albums", "https://api.example", "urn:example:orders")


@pytest.mark.requirement("RFC8707-2/syntax")
@pytest.mark.parametrize(
    "text",
    [
        "", "albums", "/albums", "//api.example/albums", "https://api.example/albums#part", "https://api.example/#",
        "https:", "https://api.example/a b", "https://api.example/é", "https://[::1/albums", "ht tp://api.example/",
        "https://api.example/\n", "https://api.example/" + "a" * 3_000,
    ],
)  # fmt: skip
def test_what_is_no_absolute_uri_without_fragment_is_no_identifier(text: str) -> None:
    assert not is_identifier(text)


@pytest.mark.parametrize("text", [*OURS, "https://api.example:8443/a?b=c", "http://[::1]:8080/mcp"])
def test_an_absolute_uri_is_an_identifier(text: str) -> None:
    assert is_identifier(text)


@pytest.mark.parametrize(
    ("sent", "ours"),
    [
        ("https://api.example/albums/", "https://api.example/albums"),
        ("HTTPS://API.example/albums", "https://api.example/albums"),
        ("https://api.example/", "https://api.example"),
        ("https://api.example/Albums", None),
        ("https://api.example/albums?x=1", None),
        ("https://[bad", None),
    ],
)
def test_only_a_trailing_slash_and_the_case_of_the_host_make_a_nearest(sent: str, ours: str | None) -> None:
    assert nearest(sent, OURS) == ours
