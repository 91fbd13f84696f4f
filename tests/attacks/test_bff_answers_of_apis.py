"""What an API answers through the session layer, to whoever stands between it and the browser."""

import pytest

from valetkey.gateway.session.forwarding import response_headers


@pytest.mark.parametrize(
    "name",
    [
        "X-Accel-Redirect",
        "x-accel-expires",
        "X-Accel-Buffering",
        "X-Sendfile",
        "X-Reproxy-URL",
        "CDN-Cache-Control",
        "Cloudflare-CDN-Cache-Control",
        "Surrogate-Control",
        "Edge-Control",
        "No-Vary-Search",
        "Use-As-Dictionary",
        "Speculation-Rules",
        "Set-Login",
        "Accept-CH",
    ],
)
def test_no_header_of_an_api_commands_a_proxy_a_cache_or_the_origin(name: str) -> None:
    told = response_headers([(name.encode(), b"/etc/secret"), (b"Content-Type", b"application/json")])
    assert b"/etc/secret" not in [value for _, value in told]
    assert (b"content-type", b"application/json") in told


@pytest.mark.parametrize(
    "caching",
    [
        b'private="x-trace", max-age=600',
        b"public, private, max-age=600",
        b"max-age=600, x-private",
        b"max-age=600, not-no-store",
        b"max-age=600",
        b"",
    ],
)
def test_what_is_private_in_name_only_is_kept_by_no_cache(caching: bytes) -> None:
    told = response_headers([(b"Cache-Control", caching)])
    assert [value for name, value in told if name == b"cache-control"] == [b"no-store"]


@pytest.mark.parametrize("caching", [b"private, max-age=60", b"Private", b"no-store", b"max-age=60,private"])
def test_what_an_api_calls_private_stays_so(caching: bytes) -> None:
    told = response_headers([(b"Cache-Control", caching)])
    assert [value for name, value in told if name == b"cache-control"] == [caching]
