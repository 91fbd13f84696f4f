"""The decision service that Envoy asks over gRPC: the method Check of `envoy.service.auth.v3.Authorization`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import grpc
import grpc.aio

from valetkey.gateway.contracts.envoy_grpc import ENVOY_GRPC, METHOD
from valetkey.resource_server.decision import BadRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from valetkey.resource_server.decision import Decision, Headers
    from valetkey.resource_server.request import RequestView

    Judge = Callable[[RequestView], Awaitable[tuple[Decision, Headers]]]
    Call: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]

LARGEST_MESSAGE: Final = 256 * 1024
_SERVICE, _CHECK = METHOD[1:].split("/")


def grpc_server(judge: Judge, listen: str, is_trusted: Callable[[str], bool]) -> tuple[grpc.aio.Server, int]:
    """Return the server, not started, and the port that it is bound to; `listen` is HOST:PORT, port 0 for any.

    `judge` returns the decision and the headers for the API; what it raises is a failure to Envoy, which closes.
    A peer whose address `is_trusted` does not know gets PERMISSION_DENIED. Raises RuntimeError where it cannot be
    bound.
    """

    async def answered(message: bytes, call: Call) -> bytes:
        address = peer_address(call.peer())
        if address is None or not is_trusted(address):
            await call.abort(grpc.StatusCode.PERMISSION_DENIED, "The peer is not a trusted proxy.")
        asked = ENVOY_GRPC.read(message)
        if isinstance(asked, BadRequest):
            return ENVOY_GRPC.write(asked, ())
        return ENVOY_GRPC.write(*await judge(asked))

    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.so_reuseport", 1),  # the workers of one service share it
        )
    )
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(answered)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_CHECK: method}),))
    port = server.add_insecure_port(listen)
    return server, port


def peer_address(peer: str) -> str | None:
    """Return the IP address in gRPC's name of a peer, such as `ipv6:%5B::1%5D:5000`; None where it has none."""
    kind, separator, rest = unquote(peer).partition(":")
    if kind not in {"ipv4", "ipv6"} or not separator:
        return None
    host = rest.rpartition(":")[0].removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(host))
    except ValueError:
        return None
