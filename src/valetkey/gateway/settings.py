"""What the decision service is told: the table `[gateway]` of its file, with every fault named at once."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct

from valetkey.oauth.forwarded import Networks
from valetkey.oauth.identity_assertion import LONGEST_LIFETIME
from valetkey.oauth.types import Issuer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import TypeVar

    Row = TypeVar("Row", bound=Struct)

_PORTS: Final = range(65_536)
_MOST_WORKERS: Final = 64


def says(text: str) -> Meta:
    """Return what a key of a table means, for the reader and the reference."""
    return Meta(description=text)


class AssertionRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[gateway.assertion]`: the signed identity that goes to the API with each request that passes."""

    issuer: Annotated[str, says("Who asserts: the URL of the gateway, as the API knows it.")]
    audience: Annotated[str, says("For whom; the `resource` of the policy by default.")] = ""
    key_file: Annotated[str, says("The file with the private JWK that signs (ES256).")]
    lifetime: Annotated[int, Meta(ge=2, le=LONGEST_LIFETIME, description="For how many seconds one is good.")] = 30


class GatewayRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[gateway]`: the service that proxies ask."""

    contracts: Annotated[
        list[str], says("The proxies that ask: nginx, caddy, traefik, haproxy, envoy-http, envoy-grpc.")
    ]
    trusted_peers: Annotated[
        list[str],
        Meta(min_length=1, description="The addresses or networks from which they ask; nobody else is answered."),
    ]
    listen: Annotated[str, says("Host and port of the service.")] = "127.0.0.1:4180"
    grpc_listen: Annotated[str, says("Host and port for envoy-grpc.")] = "127.0.0.1:4181"
    plain_identity: Annotated[
        bool, says("Whether subject, client and scope also go to the API as plain headers.")
    ] = False
    valkey_url_file: Annotated[str, says("The file with the URL of the Valkey in which many nodes count.")] = ""
    assertion: Annotated[AssertionRow | None, says("The signed identity; without it none is sent.")] = None


class ServingRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[serving]`: how all of it is run."""

    workers: Annotated[int, Meta(ge=1, le=_MOST_WORKERS, description="How many processes answer.")] = 1
    drain_delay: Annotated[
        int, Meta(ge=0, le=300, description="For how many seconds it goes on answering after SIGTERM.")
    ] = 5


class BadGateway(ValueError):
    """The table cannot be used; `faults` are all that is wrong with it, a sentence each."""

    def __init__(self, faults: Collection[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class GatewaySettings(Struct, frozen=True):
    """The table, with what was parsed of its texts."""

    row: GatewayRow
    peers: TrustedPeers
    listen: tuple[str, int]
    grpc_listen: tuple[str, int]


class TrustedPeers:
    """The networks from which a proxy asks; an address that is none is nobody's."""

    __slots__ = ("_known", "_networks")

    def __init__(self, networks: Collection[str]) -> None:
        """Build it of addresses and networks such as "10.0.0.0/8"; raises ValueError for none, or for everybody."""
        if not networks:
            raise ValueError("name the address of the proxy: a decision for just anyone protects nothing")
        self._networks = Networks.parse(networks)
        if self._networks.is_everybody:
            raise ValueError("a network of all addresses is everybody: name those of the proxies")
        self._known: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        """Say whether a proxy may ask from there."""
        known = self._known.get(address)
        if known is None:
            known = address in self._networks
            if len(self._known) < 1_024:  # noqa: PLR2004 - proxies are few; strangers are judged anew each time
                self._known[address] = known
        return known


def parse_serving(table: Mapping[str, object]) -> ServingRow:
    """Return the table `[serving]`; raises BadGateway."""
    faults = unknown_keys(table, ServingRow, "serving")
    if faults:
        raise BadGateway(faults)
    return _converted(table, ServingRow, "serving")


def parse_gateway(table: Mapping[str, object], contracts: Collection[str]) -> GatewaySettings:
    """Return the settings of the table `[gateway]`; `contracts` are the names that there are. Raises BadGateway."""
    faults = list(unknown_keys(table, GatewayRow, "gateway"))
    assertion = table.get("assertion")
    if isinstance(assertion, dict):
        faults.extend(unknown_keys(assertion, AssertionRow, "gateway.assertion"))
    if not table.get("trusted_peers"):
        faults.append(
            'gateway.trusted_peers: name the addresses of the proxies, such as ["127.0.0.1"]; others get no answer'
        )
    if faults:
        raise BadGateway(faults)
    return _parsed(_converted(table, GatewayRow, "gateway"), contracts)


def _converted(table: Mapping[str, object], kind: type[Row], where: str) -> Row:
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise BadGateway([f"{where}: {str(error).replace('`', '').replace(' - at $.', ', in ')}"]) from None


def _parsed(row: GatewayRow, contracts: Collection[str]) -> GatewaySettings:
    faults: list[str] = []
    for name in row.contracts:
        if name not in contracts:
            near = get_close_matches(name, contracts, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(contracts))}"
            faults.append(f"gateway.contracts: {name!r} is no contract{hint}")
    peers = None
    try:
        peers = TrustedPeers(row.trusted_peers)
    except ValueError as error:
        faults.append(f"gateway.trusted_peers: {error}")
    if row.assertion is not None:
        try:
            Issuer.parse(row.assertion.issuer)
        except ValueError as error:
            faults.append(f"gateway.assertion.issuer: {error}")
    places: dict[str, tuple[str, int]] = {}
    for name in ("listen", "grpc_listen"):
        try:
            places[name] = parse_place(getattr(row, name))
        except ValueError as error:
            faults.append(f"gateway.{name}: {error}")
    if faults or peers is None:
        raise BadGateway(faults)
    return GatewaySettings(row, peers, places["listen"], places["grpc_listen"])


def parse_place(text: str) -> tuple[str, int]:
    """Return the host and the port of "127.0.0.1:4180" or "[::1]:4180"; raises ValueError for anything else."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) not in _PORTS:
        raise ValueError(f"{text!r} is no host and port such as 127.0.0.1:4180")
    return host.removeprefix("[").removesuffix("]"), int(port)


def unknown_keys(table: Mapping[str, object], kind: type[Struct], where: str) -> list[str]:
    """Return a fault for each key of `table` that its rows do not know, with the nearest that they do."""
    known = [field.name for field in msgspec.structs.fields(kind)]
    faults = []
    for name in sorted(table.keys() - set(known)):
        near = get_close_matches(name, known, n=1)
        faults.append(f"{where}.{name}: unknown" + (f"; did you mean {near[0]!r}?" if near else ""))
    return faults
