"""Whose word on an address is taken."""

import pytest

from valetkey.oauth.forwarded import Networks, address_of, forwarded_address

TRUSTED = Networks.parse(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"])


@pytest.mark.parametrize("text", ["10.1.2.3", "192.0.2.1", "::ffff:10.1.2.3", "2001:db8::7"])
def test_an_address_of_a_network_is_known(text: str) -> None:
    assert text in TRUSTED


@pytest.mark.parametrize(
    "text", ["", "192.0.2.2", "::ffff:192.0.2.2", "2001:db9::7", "10.1.2.3:80", "localhost", "010.1.2.3"]
)
def test_no_other_text_is(text: str) -> None:
    assert text not in TRUSTED
    assert text not in Networks()


def test_networks_that_hold_everybody_are_told() -> None:
    assert Networks.parse(["::/0"]).is_everybody
    assert Networks.parse(["10.0.0.0/8", "0.0.0.0/0"]).is_everybody
    assert not TRUSTED.is_everybody
    assert not Networks().is_everybody


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.1/8", "", "10.0.0.0/33"])
def test_what_is_no_network_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="no address and no network"):
        Networks.parse([text])


# covers: HTP-03
@pytest.mark.parametrize(
    ("peer", "header", "hops", "address"),
    [
        ("10.0.0.1", b"203.0.113.7", 16, "203.0.113.7"),
        ("10.0.0.1", b"198.51.100.1, 203.0.113.7", 16, "203.0.113.7"),
        ("10.0.0.1", b"203.0.113.7, 10.0.0.2", 16, "203.0.113.7"),
        ("10.0.0.1", b"203.0.113.7, 10.0.0.2", 1, "10.0.0.2"),
        ("10.0.0.1", b"203.0.113.7, nonsense, 10.0.0.2", 16, "10.0.0.2"),
        ("10.0.0.1", b"", 16, "10.0.0.1"),
        ("203.0.113.9", b"10.0.0.2", 16, "203.0.113.9"),
        ("", b"10.0.0.2", 16, ""),
    ],
)
def test_the_first_address_that_no_trusted_proxy_has_is_whose_request_it_is(
    peer: str, header: bytes, hops: int, address: str
) -> None:
    headers = [(b"forwarded", b"for=192.0.2.9"), (b"x-forwarded-for", header)]
    assert forwarded_address(peer, headers, TRUSTED, hops) == address


def test_an_ipv4_address_is_one_however_it_is_written() -> None:
    assert address_of("::ffff:192.0.2.1") == address_of("192.0.2.1")
    assert address_of("nobody") is None
