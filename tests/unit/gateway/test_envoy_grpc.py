"""Envoy's messages: ours agree with Envoy's own, whatever they hold, and only trusted peers are answered."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest
from envoy.config.core.v3.base_pb2 import HeaderMap, HeaderValue, HeaderValueOption
from envoy.service.auth.v3.attribute_context_pb2 import AttributeContext
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from hypothesis import given
from hypothesis import strategies as st

from valetkey.gateway.contracts import ENVOY_GRPC
from valetkey.gateway.contracts.envoy_grpc import METHOD
from valetkey.gateway.contracts.headers import ASSERTION
from valetkey.gateway.contracts.protobuf import MalformedMessage, delimited, fields, number_field, only
from valetkey.gateway.envoy_grpc import grpc_server, peer_address
from valetkey.resource_server import AllowAnonymous, RequestView
from valetkey.resource_server.decision import BadRequest, Challenge, Decision, Headers, Limited

SAID = {"method": "GET", "scheme": "https", "host": "api.example", "path": "/a?b=c"}
LIMIT = (("ratelimit", '"all";r=4;t=60'),)


def asked(*headers: tuple[str, bytes], address: str = "192.0.2.7", **changes: str) -> bytes:
    """A question as Envoy writes it."""
    pairs = [HeaderValue(key=name, raw_value=value) for name, value in headers]
    http = AttributeContext.HttpRequest(
        id="1", size=-1, protocol="HTTP/1.1", header_map=HeaderMap(headers=pairs), **{**SAID, **changes}
    )
    request = CheckRequest()
    request.attributes.request.http.CopyFrom(http)
    request.attributes.request.time.GetCurrentTime()
    request.attributes.source.address.socket_address.address = address
    request.attributes.source.address.socket_address.port_value = 50_000
    request.attributes.destination.address.socket_address.address = "192.0.2.1"
    request.attributes.context_extensions["k"] = "v"
    octets: bytes = request.SerializeToString()
    return octets


def test_the_question_of_envoy_is_read() -> None:
    view = ENVOY_GRPC.read(asked(("authorization", b"Bearer t"), ("cookie", b"c"), ("authorization", b"Bearer u")))
    assert view == RequestView(
        "GET",
        "/a?b=c",
        # A repeated header is seen as repeated.
        ((b"authorization", b"Bearer t"), (b"authorization", b"Bearer u")),
        "api.example",
        "192.0.2.7",
        "https",
    )


# covers: GTW-04
@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff" * 40,
        asked(method=""),
        asked(path=""),
        asked(host=""),
        asked(scheme=""),
        asked(address=""),
        asked(address="not an address"),
        asked() + asked(),
        asked()[:-3],
        delimited(1, delimited(4, delimited(2, delimited(2, b"\xff")))),
    ],
    ids=[
        "empty",
        "noise",
        "method",
        "path",
        "host",
        "scheme",
        "address",
        "odd address",
        "twice",
        "cut",
        "no UTF-8",
    ],
)
def test_a_question_that_says_too_little_or_too_much_is_refused(message: bytes) -> None:
    assert isinstance(ENVOY_GRPC.read(message), BadRequest)


# covers: GTW-01
def test_headers_that_envoy_joined_are_not_read() -> None:
    request = CheckRequest.FromString(asked())
    request.attributes.request.http.ClearField("header_map")
    request.attributes.request.http.headers["authorization"] = "Bearer t,Bearer u"
    assert isinstance(ENVOY_GRPC.read(request.SerializeToString()), BadRequest)


def test_envoy_reads_who_is_allowed() -> None:
    answer = CheckResponse.FromString(ENVOY_GRPC.write(AllowAnonymous(LIMIT), ((ASSERTION, "signed"),)))
    assert answer.status.code == 0
    [to_api] = answer.ok_response.headers
    [to_client] = answer.ok_response.response_headers_to_add
    assert (to_api.header.key, to_api.header.value) == (ASSERTION, "signed")
    assert (to_client.header.key, to_client.header.value) == LIMIT[0]
    overwrite = HeaderValueOption.HeaderAppendAction.Value("OVERWRITE_IF_EXISTS_OR_ADD")
    assert {to_api.append_action, to_client.append_action} == {overwrite}


@pytest.mark.parametrize(
    "denied",
    [
        Challenge("invalid_token", "It expired.", (("www-authenticate", "Bearer"),)),
        Limited(None, "Too many requests.", (*LIMIT, ("retry-after", "7"))),
    ],
    ids=lambda denied: str(denied.status),
)
def test_envoy_reads_a_refusal_with_its_own_status(denied: Challenge | Limited) -> None:
    answer = CheckResponse.FromString(ENVOY_GRPC.write(denied, ((ASSERTION, "signed"),)))
    assert answer.status.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
    assert answer.denied_response.status.code == denied.status
    headers = {each.header.key: each.header.value for each in answer.denied_response.headers}
    assert headers == {"content-type": "application/json", **dict(denied.headers)}
    assert denied.description in answer.denied_response.body
    # Nothing is left over that Envoy would not know.
    assert CheckResponse.FromString(answer.SerializeToString()) == answer


TEXT = st.text(max_size=200)


@given(TEXT, TEXT, TEXT, TEXT, st.lists(st.tuples(TEXT, st.binary(max_size=300)), max_size=6))
def test_ours_and_envoys_messages_agree_on_what_was_asked(
    method: str, scheme: str, host: str, path: str, headers: list[tuple[str, bytes]]
) -> None:
    message = asked(*headers, method=method, scheme=scheme, host=host, path=path)
    http = CheckRequest.FromString(message).attributes.request.http
    ours = only(message, 1, 4, 2)
    read = {number: octets.decode() for number, octets in fields(ours) if number in {2, 4, 5, 6}}
    assert {number: text for number, text in read.items() if text} == {
        number: text
        for number, text in ((2, http.method), (4, http.path), (5, http.host), (6, http.scheme))
        if text
    }


@given(st.binary(max_size=200))
def test_no_octets_at_all_make_the_reading_fail(message: bytes) -> None:
    assert isinstance(ENVOY_GRPC.read(message), RequestView | BadRequest)


@given(st.integers(0, 2**63), st.binary(max_size=300))
def test_what_is_written_is_read_back(number: int, octets: bytes) -> None:
    assert list(fields(number_field(1, number) + delimited(2, octets))) == [(2, octets)]


@pytest.mark.parametrize("message", [b"\x0a", b"\x0a\x05ab", b"\x80" * 11, b"\x0b", b"\x0d\x00", b"\x02\x00"])
def test_octets_that_are_no_message_are_refused(message: bytes) -> None:
    with pytest.raises(MalformedMessage):
        list(fields(message))


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[2001:db8::1]:5000", "2001:db8::1"),
        ("unix:/run/valetkey.sock", None),
        ("unix:", None),
        ("ipv4:localhost:5000", None),
        ("", None),
    ],
)
def test_the_address_of_a_peer_is_read_from_its_name(peer: str, address: str | None) -> None:
    assert peer_address(peer) == address


async def allow(_: RequestView) -> tuple[Decision, Headers]:
    return AllowAnonymous(), ()


async def fail(_: RequestView) -> tuple[Decision, Headers]:
    raise RuntimeError("the decision broke")


async def answer_of(port: int, message: bytes) -> bytes:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        return await call(message, timeout=10)


@pytest.mark.parametrize("trusted", ["127.0.0.1", "192.0.2.7"])
async def test_a_trusted_peer_is_answered_and_a_stranger_is_not(trusted: str) -> None:
    server, port = grpc_server(allow, "127.0.0.1:0", [trusted].__contains__)
    await server.start()
    try:
        if trusted == "127.0.0.1":
            assert CheckResponse.FromString(await answer_of(port, asked())).HasField("ok_response")
        else:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await answer_of(port, asked())
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    finally:
        await server.stop(None)


# covers: GTW-07
async def test_a_decision_that_breaks_is_a_failure_to_envoy() -> None:
    server, port = grpc_server(fail, "127.0.0.1:0", lambda _: True)
    await server.start()
    try:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await answer_of(port, asked())
        assert failed.value.code() is grpc.StatusCode.UNKNOWN
    finally:
        await server.stop(None)


async def test_the_workers_of_one_service_share_its_port() -> None:
    first, port = grpc_server(allow, "127.0.0.1:0", lambda _: True)
    second, shared = grpc_server(allow, f"127.0.0.1:{port}", lambda _: True)
    assert shared == port
    await first.start()
    await second.start()
    await first.stop(None)
    try:
        assert CheckResponse.FromString(await answer_of(port, asked())).HasField("ok_response")
    finally:
        await second.stop(None)
