"""Which address a request is counted by: the peer's, unless a named proxy says another."""

import pytest

from valetkey.integrations.addresses import TrustedProxies

ONE = TrustedProxies(["10.0.0.0/8"])
TWO = TrustedProxies(["10.0.0.0/8", "fd00::/8"], hops=2)


def forwarded(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-forwarded-for", value.encode()) for value in values]


@pytest.mark.parametrize(
    ("proxies", "peer", "sent", "address"),
    [
        (ONE, "203.0.113.7", ["192.0.2.1"], "203.0.113.7"),
        (ONE, "10.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        (ONE, "10.0.0.1", ["127.0.0.1, 192.0.2.1"], "192.0.2.1"),
        (ONE, "10.0.0.1", ["127.0.0.1", "192.0.2.1"], "192.0.2.1"),
        (ONE, "10.0.0.1", ["192.0.2.1, 10.0.0.9"], "10.0.0.9"),
        (ONE, "10.0.0.1", [], "10.0.0.1"),
        (ONE, "10.0.0.1", ["localhost"], "10.0.0.1"),
        (ONE, "10.0.0.1", ["192.0.2.1, "], "10.0.0.1"),
        (ONE, "", ["192.0.2.1"], ""),
        (ONE, "::ffff:10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        (TWO, "10.0.0.1", ["192.0.2.1, fd00::2"], "192.0.2.1"),
        (TWO, "10.0.0.1", ["127.0.0.1, 192.0.2.1, fd00::2"], "192.0.2.1"),
        (TWO, "10.0.0.1", ["127.0.0.1, 192.0.2.1"], "192.0.2.1"),
        (TWO, "10.0.0.1", ["fd00::2"], "fd00::2"),
    ],
    ids=[
        "the peer is nobody's proxy",
        "one proxy",
        "an entry that the client wrote",
        "a header that the client wrote",
        "no more hops than there are",
        "the proxy said nothing",
        "no address",
        "an empty entry",
        "no peer",
        "a mapped address",
        "two proxies",
        "two proxies and an entry that the client wrote",
        "who walked around the first proxy",
        "a proxy short",
    ],
)
def test_the_address_is_that_which_the_last_known_hop_saw(
    proxies: TrustedProxies, peer: str, sent: list[str], address: str
) -> None:
    assert proxies.address_of(peer, forwarded(*sent)) == address


@pytest.mark.parametrize(("networks", "hops"), [([], 1), ("10.0.0.0/8", 1), (["10.0.0.1/8"], 1), (["all"], 1)])
def test_a_network_that_trusts_nobody_or_everybody_by_mistake_is_refused(networks: list[str], hops: int) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has a text of its own
        TrustedProxies(networks, hops)


@pytest.mark.parametrize("hops", [0, 17])
def test_the_number_of_hops_is_exact_and_small(hops: int) -> None:
    with pytest.raises(ValueError, match="hops"):
        TrustedProxies(["10.0.0.0/8"], hops)
