"""Who is asking, with and without proxies that were named."""

import pytest

from valetkey.adapters.asgi.proxies import Proxies

TRUSTED = Proxies.parse(["10.0.0.0/8", "fd00::/8"])


def forwarded(*lines: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-forwarded-for", line.encode()) for line in lines]


# covers: HTP-03
@pytest.mark.parametrize("peer", ["203.0.113.5", "2001:db8::1", "", "unix"])
def test_a_peer_that_nobody_named_is_not_believed(peer: str) -> None:
    assert TRUSTED.remote_address(peer, forwarded("192.0.2.1")) == peer


# covers: HTP-03
def test_without_trusted_proxies_no_header_is_read() -> None:
    assert Proxies().remote_address("10.0.0.1", forwarded("192.0.2.1")) == "10.0.0.1"


# covers: HTP-03
@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("192.0.2.1",), "192.0.2.1"),
        (("198.51.100.66, 192.0.2.1",), "192.0.2.1"),
        (("198.51.100.66, 192.0.2.1, 10.0.0.7",), "192.0.2.1"),
        (("198.51.100.66", "192.0.2.1"), "192.0.2.1"),
        (("2001:db8::9",), "2001:db8::9"),
        (("::ffff:10.0.0.7",), "::ffff:10.0.0.7"),
        (("192.0.2.1, fd00::7",), "192.0.2.1"),
    ],
)
def test_the_nearest_address_that_no_trusted_proxy_has_is_the_client(lines: tuple[str, ...], expected: str) -> None:
    assert TRUSTED.remote_address("10.0.0.1", forwarded(*lines)) == expected


# covers: HTP-03
@pytest.mark.parametrize("line", ["", "unknown", "192.0.2.1:4711", "192.0.2.1, _hidden", "192.0.2.1,", "' OR 1"])
def test_an_entry_that_is_no_address_ends_the_walk_at_the_hop_before(line: str) -> None:
    assert TRUSTED.remote_address("10.0.0.1", forwarded(line)) == "10.0.0.1"


def test_a_chain_of_trusted_hops_only_names_the_farthest_of_them() -> None:
    assert TRUSTED.remote_address("10.0.0.1", forwarded("10.0.0.3, 10.0.0.2")) == "10.0.0.3"


def test_a_list_of_a_thousand_hops_is_not_followed_to_its_end() -> None:
    line = ", ".join(["192.0.2.1", *["10.0.0.2"] * 1000])
    assert TRUSTED.remote_address("10.0.0.1", forwarded(line)) == "10.0.0.2"


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no address and no network"):
        Proxies.parse(["proxy.example"])
