"""Setting a stream up at a transmitter: what is asked of whom, and what is not believed."""

from typing import Any

import httpx2
import msgspec
import pytest

from valetkey.client import (
    ClientSecretBasic,
    FlowError,
    OAuthClient,
    ResponseRejected,
    ServerRefused,
    ServerUnreachable,
)
from valetkey.client.streams import EVENTS, ConnectedStream, StreamWish, configuration_url, connect_stream

TRANSMITTER = "https://tr.example"
ISSUER = "https://as.example"
STREAMS = TRANSMITTER + "/mgmt/stream"
VERIFY = TRANSMITTER + "/mgmt/verify"
METADATA = {
    "issuer": TRANSMITTER,
    "configuration_endpoint": STREAMS,
    "verification_endpoint": VERIFY,
    "jwks_uri": TRANSMITTER + "/jwks",
    "critical_subject_members": ["user"],
}
STREAM = {
    "stream_id": "f67e39a0a4d34d56b3aa1bc4cff0069f",
    "iss": TRANSMITTER,
    "aud": ["https://receiver.example/web"],
    "delivery": {"method": "urn:ietf:rfc:8936", "endpoint_url": TRANSMITTER + "/poll/1"},
    "events_delivered": list(EVENTS[:1]),
}


class Transmitter(httpx2.BaseTransport):
    """Both servers, with answers that tests bend."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {
            ("GET", ISSUER + "/.well-known/oauth-authorization-server"): (
                200,
                {"issuer": ISSUER, "token_endpoint": ISSUER + "/token"},
            ),
            ("POST", ISSUER + "/token"): (
                200,
                {"access_token": "t", "token_type": "Bearer", "scope": "ssf.manage"},
            ),
            ("GET", configuration_url(TRANSMITTER)): (200, METADATA),
            ("GET", STREAMS): (200, []),
            ("POST", STREAMS): (201, STREAM),
            ("PATCH", STREAMS): (200, STREAM),
            ("POST", VERIFY): (204, None),
        }
        self.asked: list[tuple[str, str, Any]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        body = request.read()
        is_json = request.headers.get("content-type") == "application/json"
        said = msgspec.json.decode(body) if body and is_json else body
        self.asked.append((request.method, str(request.url), said))
        status, answer = self.answers[request.method, str(request.url)]
        body = b"" if answer is None else msgspec.json.encode(answer)
        return httpx2.Response(status, stream=httpx2.ByteStream(body))


@pytest.fixture
def transmitter() -> Transmitter:
    return Transmitter()


def connect(transmitter: Transmitter, wish: StreamWish | None = None) -> ConnectedStream:
    with OAuthClient(ISSUER, "guard", ClientSecretBasic("s" * 32), transport=transmitter) as client:
        return client.run(connect_stream, wish or StreamWish(TRANSMITTER, state="mine"))


def test_a_stream_is_created_and_verified(transmitter: Transmitter) -> None:
    connected = connect(transmitter)
    assert (connected.stream_id, connected.audience) == (STREAM["stream_id"], ("https://receiver.example/web",))
    assert (connected.endpoint_url, connected.jwks_uri) == (TRANSMITTER + "/poll/1", TRANSMITTER + "/jwks")
    assert connected.critical_members == ("user",)
    created, verified = transmitter.asked[-2:]
    assert created == (
        "POST",
        STREAMS,
        {"events_requested": list(EVENTS), "delivery": {"method": "urn:ietf:rfc:8936"}},
    )
    assert verified == ("POST", VERIFY, {"stream_id": STREAM["stream_id"], "state": "mine"})


def test_a_stream_that_leads_to_the_same_place_is_brought_up_to_date(transmitter: Transmitter) -> None:
    transmitter.answers["GET", STREAMS] = (200, [STREAM])
    connect(transmitter, StreamWish(TRANSMITTER, description="guard"))
    method, _, said = transmitter.asked[-1]
    assert (method, said["stream_id"], said["description"]) == ("PATCH", STREAM["stream_id"], "guard")


def test_a_push_is_another_stream_than_a_poll(transmitter: Transmitter) -> None:
    transmitter.answers["GET", STREAMS] = (200, [STREAM])
    connect(transmitter, StreamWish(TRANSMITTER, "https://receiver.example/events", "Bearer x"))
    method, _, said = transmitter.asked[-1]
    assert (method, said["delivery"]["authorization_header"]) == ("POST", "Bearer x")


BENT: dict[str, tuple[tuple[str, str], tuple[int, Any], type[FlowError]]] = {
    "another issuer": (
        ("GET", configuration_url(TRANSMITTER)),
        (200, {**METADATA, "issuer": "https://evil.example"}),
        ResponseRejected,
    ),
    "loopback": (
        ("GET", configuration_url(TRANSMITTER)),
        (200, {**METADATA, "configuration_endpoint": "http://127.0.0.1/x"}),
        ResponseRejected,
    ),
    "clear text": (
        ("GET", configuration_url(TRANSMITTER)),
        (200, {**METADATA, "verification_endpoint": "http://tr.example/x"}),
        ResponseRejected,
    ),
    "stream of another issuer": (
        ("POST", STREAMS),
        (201, {**STREAM, "iss": "https://evil.example"}),
        ResponseRejected,
    ),
    "nonsense": (("GET", STREAMS), (200, {"streams": []}), ResponseRejected),
    "not allowed": (("POST", STREAMS), (403, {"error": "access_denied"}), ServerRefused),
    "conflict": (("POST", STREAMS), (409, None), ServerRefused),
    "down": (("GET", STREAMS), (503, None), ServerUnreachable),
}


@pytest.mark.parametrize("name", BENT)
def test_what_is_not_as_it_should_be_is_told_and_not_believed(transmitter: Transmitter, name: str) -> None:
    place, answer, error = BENT[name]
    transmitter.answers[place] = answer
    with pytest.raises(error):
        connect(transmitter)


def test_the_configuration_stands_before_the_path_of_the_issuer() -> None:
    assert configuration_url("https://tr.example/issuer1/") == (
        "https://tr.example/.well-known/ssf-configuration/issuer1"
    )
