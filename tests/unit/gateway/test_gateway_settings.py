import pytest

from valetkey.gateway.settings import BadGateway, parse_gateway, parse_place, parse_serving

CONTRACTS = ("nginx", "caddy", "envoy-grpc")
SOUND: dict[str, object] = {
    "contracts": ["nginx"],
    "trusted_peers": ["127.0.0.1"],
    "assertion": {"issuer": "https://gateway.example", "key_file": "key"},
}


def test_a_sound_table_is_read_whole() -> None:
    found = parse_gateway({**SOUND, "listen": "[::1]:4180"}, CONTRACTS)
    assert (found.listen, found.grpc_listen) == (("::1", 4180), ("127.0.0.1", 4181))
    assert found.row.assertion is not None
    assert found.row.assertion.lifetime == 30


# covers: GTW-04
@pytest.mark.parametrize("peers", [None, [], ["0.0.0.0/0"], ["proxy"]])
def test_a_gateway_without_trusted_peers_does_not_start(peers: list[str] | None) -> None:
    table = {name: value for name, value in SOUND.items() if name != "trusted_peers"}
    with pytest.raises(BadGateway, match=r"gateway\.trusted_peers: "):
        parse_gateway(table if peers is None else {**table, "trusted_peers": peers}, CONTRACTS)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"contracts": ["ngnix"]}, "did you mean 'nginx'?"),
        ({"contracts": ["apache"]}, "there are caddy, envoy-grpc, nginx"),
        ({"contracts": "nginx"}, "gateway: Expected array"),
        ({"listn": "x"}, "gateway.listn: unknown; did you mean 'listen'?"),
        ({"listen": "4180"}, "gateway.listen: '4180' is no host and port"),
        ({"listen": "127.0.0.1:99999"}, "gateway.listen"),
        ({"assertion": {"issuer": "https://g.example"}}, "missing required field key_file"),
        ({"assertion": {"issuer": "gateway", "key_file": "k"}}, "gateway.assertion.issuer: "),
        ({"assertion": {"issuer": "https://g.example", "key_file": "k", "lifetime": 3600}}, "Expected int <= 60"),
        ({"assertion": {"isuer": "x"}}, "gateway.assertion.isuer: unknown; did you mean 'issuer'?"),
    ],
)
def test_every_fault_is_named_with_its_place(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(BadGateway) as caught:
        parse_gateway({**SOUND, **changes}, CONTRACTS)
    assert fault in str(caught.value)


def test_how_it_is_run_has_bounds() -> None:
    assert parse_serving({"workers": 4}).workers == 4
    for table in ({"workers": 0}, {"workers": 65}, {"drain_delay": -1}, {"worker": 1}):
        with pytest.raises(BadGateway, match="serving"):
            parse_serving(table)


@pytest.mark.parametrize("text", ["", ":80", "host:", "host:x", "host:-1", "host:\uff18\uff10"])
def test_a_place_is_a_host_and_a_port(text: str) -> None:
    with pytest.raises(ValueError, match="no host and port"):
        parse_place(text)
