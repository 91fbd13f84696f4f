import hashlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from valetkey.client import (
    CodeFlow,
    Credentials,
    FlowError,
    ResponseRejected,
    Server,
    ServerRefused,
    ServerUnreachable,
    StartedCodeFlow,
    TokenResponse,
    token_post,
)
from valetkey.client.exchange import client_credentials_form
from valetkey.oauth.types import Scope

SERVER = Server("https://as.example", "https://as.example/authorize", "https://as.example/token", sends_issuer=True)
FLOW = CodeFlow(SERVER, "native", "http://127.0.0.1:9/callback", Scope({"openid", "albums.read"}))
STARTED = FLOW.start(bytes(range(32)))


def _answer(**changes: str) -> str:
    members = {"code": "vk_ac_x", "state": STARTED.state, "iss": SERVER.issuer} | changes
    return urlencode({name: value for name, value in members.items() if value})


def _refused(query: str, started: StartedCodeFlow = STARTED) -> str:
    with pytest.raises(FlowError) as caught:
        started.token_request(query)
    return caught.value.code


def test_the_request_carries_the_challenge_of_its_verifier() -> None:
    asked = {name: value[0] for name, value in parse_qs(urlsplit(STARTED.url).query).items()}
    digest = hashlib.sha256(STARTED.code_verifier.encode()).digest()
    assert asked["code_challenge"] == urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert asked["code_challenge_method"] == "S256"
    assert (asked["state"], asked["nonce"]) == (STARTED.state, STARTED.nonce)


def test_two_flows_share_no_value() -> None:
    other = FLOW.start(b"\x01" * 32)
    assert (
        len({STARTED.state, STARTED.nonce, STARTED.code_verifier, other.state, other.nonce, other.code_verifier})
        == 6
    )


def test_a_flow_refuses_to_start_with_little_entropy() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        FLOW.start(b"short")


def test_the_answer_is_redeemed_with_the_verifier() -> None:
    post = STARTED.token_request(_answer())
    form = parse_qs(post.body.decode())
    assert form["code_verifier"] == [STARTED.code_verifier]
    assert form["client_id"] == ["native"]
    assert form["redirect_uri"] == [FLOW.redirect_uri]


def test_an_answer_with_another_state_is_refused() -> None:
    assert _refused(_answer(state="other")) == "state_mismatch"
    assert _refused(_answer(state="")) == "state_mismatch"
    assert _refused(_answer() + "&state=" + STARTED.state) == "state_mismatch"


@pytest.mark.requirement("RFC9207-2.4/comparison")
@pytest.mark.requirement("RFC9207-2.4/mismatch")
def test_an_answer_of_another_issuer_is_refused() -> None:
    assert _refused(_answer(iss="https://evil.example")) == "issuer_mismatch"


@pytest.mark.requirement("RFC9207-2.4/absent")
def test_a_missing_issuer_is_refused_where_the_server_promised_one() -> None:
    assert _refused(_answer(iss="")) == "issuer_mismatch"
    silent = replace(STARTED, flow=replace(FLOW, server=replace(SERVER, sends_issuer=False)))
    assert silent.token_request(_answer(iss="")).url == SERVER.token_endpoint


def test_a_refusal_keeps_the_code_of_the_server() -> None:
    assert _refused(_answer(code="", error="access_denied")) == "access_denied"


def test_credentials_are_form_encoded_inside_basic() -> None:
    credentials = Credentials.basic("a:b", "p%ss:word ü")
    post = token_post(SERVER, credentials, client_credentials_form(Scope({"x"}), None))
    assert ("authorization", "Basic YSUzQWI6cCUyNXNzJTNBd29yZCslQzMlQkM=") in post.headers
    assert repr(post) == "OutgoingRequest(url='https://as.example/token', method='POST')"
    assert repr(credentials) == "Credentials()"


def test_an_answer_without_a_code_or_an_error_is_rejected() -> None:
    assert _refused(_answer(code="")) == "invalid_response"


def test_a_query_of_far_too_many_fields_is_rejected() -> None:
    assert _refused(_answer() + "&x=1" * 1000) == "state_mismatch"


def test_further_parameters_never_replace_those_of_the_flow() -> None:
    flow = replace(FLOW, parameters=(("prompt", "login"), ("state", "chosen"), ("code_challenge_method", "plain")))
    asked = parse_qs(urlsplit(flow.start(bytes(32)).url).query)
    assert asked["prompt"] == ["login"]
    assert asked["state"] == [flow.start(bytes(32)).state]
    assert asked["code_challenge_method"] == ["S256"]


def test_a_server_without_authorization_endpoint_has_no_code_flow() -> None:
    flow = replace(FLOW, server=replace(SERVER, authorization_endpoint=None))
    with pytest.raises(ResponseRejected):
        _ = flow.start(bytes(32)).url


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"<html>", b"null", b'{"access_token": 1, "token_type": "Bearer"}']
)
def test_an_answer_that_is_no_token_response_is_a_flow_error(body: bytes) -> None:
    with pytest.raises(FlowError) as caught:
        TokenResponse.parse(200, body, Scope())
    assert caught.value.code == "invalid_response"


def test_a_token_response_is_read_and_hides_its_tokens() -> None:
    body = b'{"access_token": "secret-a", "token_type": "bearer", "expires_in": 300, "refresh_token": "secret-r"}'
    response = TokenResponse.parse(200, body, Scope({"asked"}))
    assert (response.access_token, response.refresh_token, response.expires_in) == ("secret-a", "secret-r", 300)
    assert str(response.scope) == "asked"
    assert "secret" not in repr(response)


@pytest.mark.parametrize(
    "members",
    [
        "",
        '"token_type": "mac"',
        '"token_type": "N_A_"',
        '"token_type": "Bearer", "expires_in": "300"',
        '"token_type": "Bearer", "expires_in": -1',
        '"token_type": "Bearer", "expires_in": true',
        '"token_type": "Bearer", "scope": 7',
        '"token_type": "Bearer", "scope": "a  b"',
        '"token_type": "Bearer", "refresh_token": 7',
    ],
)
def test_a_token_response_that_breaks_a_rule_is_rejected(members: str) -> None:
    body = '{"access_token": "secret-a"' + (", " if members else "") + members + "}"
    with pytest.raises(ResponseRejected) as caught:
        TokenResponse.parse(200, body.encode(), Scope())
    assert caught.value.code == "invalid_response"
    assert "secret" not in str(caught.value)


def test_a_refused_request_names_the_code_of_the_server() -> None:
    with pytest.raises(ServerRefused) as caught:
        TokenResponse.parse(400, b'{"error": "invalid_grant", "error_description": "used"}', Scope())
    assert (caught.value.code, caught.value.description, caught.value.status) == ("invalid_grant", "used", 400)


def test_what_a_server_says_cannot_write_to_a_terminal() -> None:
    body = b'{"error": "bad\\u001b[2J", "error_description": "\\u001b]0;owned\\u0007\\n' + b"x" * 9000 + b'"}'
    with pytest.raises(ServerRefused) as caught:
        TokenResponse.parse(400, body, Scope())
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_that_is_busy_decided_nothing(status: int) -> None:
    with pytest.raises(ServerUnreachable) as caught:
        TokenResponse.parse(status, b"<html>", Scope(), retry_after="2")
    assert caught.value.retry_after == 2


@pytest.mark.parametrize("status", [301, 302, 400, 404])
def test_an_answer_that_is_neither_tokens_nor_an_error_is_rejected(status: int) -> None:
    with pytest.raises(ResponseRejected):
        TokenResponse.parse(status, b"<html>", Scope())
