"""Whatever a server answers, and whatever comes back to the redirect URI: nothing but FlowError escapes."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.scripted import Script
from valetkey.client import CodeFlow, Exchange, FlowError, Party, Registration, Server, StoreFailed
from valetkey.client.device import start_device
from valetkey.client.discovery import discover
from valetkey.client.exchange import redeem
from valetkey.client.introspection import introspect, introspect_signed
from valetkey.client.kept_tokens import Kept
from valetkey.client.revocation import revoke
from valetkey.client.signed_in import finish_code
from valetkey.client.token_exchange import exchange
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import Scope

ISSUER = "https://as.example"
NAMES = (
    "access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token", "issued_token_type", "error",
    "error_description", "device_code", "user_code", "verification_uri", "interval", "active", "issuer",
    "token_endpoint", "authorization_endpoint", "jwks_uri", "keys",
)  # fmt: skip
ENDPOINTS = [f"{ISSUER}/{name}" for name in ("authorize", "token", "jwks", "device", "revoke", "introspect")]
SERVER = Server(ISSUER, ENDPOINTS[0], ENDPOINTS[1], False, *ENDPOINTS[2:])
STARTED = CodeFlow(SERVER, "web", "https://web.example/callback", Scope({"openid"})).start(bytes(32))

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["Bearer", "N_A", ISSUER]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
members = st.dictionaries(st.sampled_from(NAMES), values)
bodies = st.binary() | members.map(lambda found: json.dumps(found).encode("utf-8", "surrogatepass"))
kinds = st.sampled_from(["application/json", "application/token-introspection+jwt", "text/html"])
responses = st.builds(
    lambda status, kind, body: HttpResponse(status, (("content-type", kind),), body),
    st.sampled_from([200, 200, 200, 201, 302, 400, 401, 404, 429, 500, 503]),
    kinds,
    bodies,
)


def party() -> Party:
    return Party(SERVER, Registration("web"))


@given(st.lists(responses, min_size=4, max_size=4), st.integers(0, 7))
def test_nothing_but_a_flow_error_comes_of_an_answer(answers: list[HttpResponse], which: int) -> None:
    query = f"code=x&state={STARTED.state}&iss={ISSUER}"
    flows: list[Any] = [
        redeem(party(), [], Scope()),
        discover(ISSUER),
        start_device(party(), Scope()),
        exchange(party(), Exchange("x")),
        introspect(party(), "x"),
        introspect_signed(party(), "x"),
        revoke(party(), "x"),
        finish_code(party(), STARTED, query),
    ]
    with contextlib.suppress(FlowError):
        Script(*answers).run(flows[which])


@given(st.text() | st.dictionaries(st.sampled_from(["code", "state", "iss", "error"]), st.text()).map(str))
def test_nothing_but_a_flow_error_comes_of_what_a_browser_brings(query: str) -> None:
    with contextlib.suppress(FlowError):
        STARTED.redemption(query)
    with contextlib.suppress(FlowError):
        STARTED.redemption(f"{query}&state={STARTED.state}")


@given(st.binary() | values.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")))
def test_a_document_that_we_did_not_write_is_a_failure_of_the_store(document: bytes) -> None:
    with contextlib.suppress(StoreFailed):
        Kept.parse(document, ISSUER, "web")
