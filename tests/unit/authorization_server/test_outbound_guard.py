"""Which addresses, names and URLs the guarded fetcher takes."""

import ipaddress

import pytest

from valetkey.adapters.outbound.target import parse_target
from valetkey.authorization_server.outbound import Unfetchable
from valetkey.authorization_server.outbound_guard import Blocks, Openings, is_public

INWARD = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9", "168.63.129.16",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:93.184.216.34", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:db8::1",
    "2002:7f00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1",
    "ff02::1",
]  # fmt: skip


# covers: CIM-02
@pytest.mark.parametrize("text", INWARD)
def test_an_address_that_not_everybody_means_alike_is_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["93.184.216.34", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:2800:220:1::1", "2a00:1450:4001::1"]
)
def test_an_ordinary_address_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_a_named_host_may_have_private_addresses_and_no_link_local_or_mapped_ones() -> None:
    opened = Openings.parse(["Keys.internal.example"])
    permitted = {text for text in INWARD if opened.permits("keys.internal.example", ipaddress.ip_address(text))}
    assert permitted == {
        "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "::1", "fc00::1", "fd00:ec2::254",
    }  # fmt: skip
    assert not opened.permits("other.internal.example", ipaddress.ip_address("10.0.0.1"))


def test_an_opened_network_is_open_to_every_name() -> None:
    opened = Openings.parse(["10.1.0.0/16", "fd00::/8"])
    assert opened.permits("any.example", ipaddress.ip_address("10.1.2.3"))
    assert opened.permits("any.example", ipaddress.ip_address("fd12::1"))
    assert not opened.permits("any.example", ipaddress.ip_address("10.2.0.1"))


@pytest.mark.parametrize("entry", ["", "*.example.com", "https://a.example", "a_b.example", "10.0.0.1/8", "-a.b"])
def test_what_is_no_host_address_or_network_opens_nothing(entry: str) -> None:
    with pytest.raises(ValueError, match="is no host name, address or network"):
        Openings.parse([entry])


@pytest.mark.parametrize(
    "url",
    [
        "http://client.example/", "ftp://client.example/", "file:///etc/passwd", "gopher://client.example/",
        "client.example", "//a.b/", "", "https://", "https:///path", "https://client.example:0/",
        "https://client.example:/", "https://client.example:99999/", "https://client.example:8o/", "https://user@client.example/",
        "https://user:word@client.example/", "https://client.example#f", "https://client.example/#",
        "https://client.example/ x", "https://client.example/\r\nhost: evil", "https://client.example\\@evil/",
        "https://client.exämple/", "https://client%2eexample/", "https://-client.example/", "https://client..example/",
        "https://client.example./", "https://[::1", "https://[client.example]/", "https://[v1.x]/",
        "https://client_id.example/", "https://client.example/" + "a" * 2_048,
    ],
)  # fmt: skip
def test_a_url_of_odd_form_is_not_asked_for(url: str) -> None:
    with pytest.raises(Unfetchable):
        parse_target(url, Openings())


def test_http_is_for_hosts_that_the_operator_named() -> None:
    opened = Openings.parse(["localhost", "127.0.0.1", "::1"])
    assert parse_target("http://localhost:8080/keys", opened).authority == "localhost:8080"
    assert parse_target("http://[::1]:8080", opened).authority == "[::1]:8080"
    with pytest.raises(Unfetchable):
        parse_target("http://client.example/keys", opened)


def test_a_blocked_host_takes_everything_beneath_it_along_and_a_blocked_url_only_itself() -> None:
    blocks = Blocks.parse(["Evil.example", "https://some.example/client.json", "198.51.100.7"])
    assert blocks.forbids("https://evil.example/x", "evil.example")
    assert blocks.forbids("https://a.b.evil.example/x", "a.b.evil.example")
    assert blocks.forbids("https://198.51.100.7/x", "198.51.100.7")
    assert blocks.forbids("https://some.example/client.json", "some.example")
    assert not blocks.forbids("https://some.example/other.json", "some.example")
    assert not blocks.forbids("https://notevil.example/x", "notevil.example")
    assert not blocks.forbids("https://example/x", "example")
    with pytest.raises(ValueError, match="is no host name"):
        Blocks.parse(["*.evil.example"])
