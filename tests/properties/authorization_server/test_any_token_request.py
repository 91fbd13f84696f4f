"""Whatever is sent to the token endpoint and UserInfo: a clear refusal, never a fault of ours."""

import asyncio
import functools
from base64 import b64encode
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from support.house import SECRET, House, basic, build_house, document, encode_form
from valetkey.authorization_server.sealing import open_sealed, seal
from valetkey.oauth import pkce
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import OpaqueToken

Outcome = TypeVar("Outcome")
HEADERS = st.text(st.characters(max_codepoint=255), max_size=200)
NAMES = st.sampled_from(
    [
        "grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "code",
        "code_verifier", "redirect_uri", "refresh_token", "scope", "resource", "x",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "authorization_code", "client_credentials", "refresh_token", "web", "spa", "machine", SECRET, "openid",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "e30.e30.e30", "https://api.example/albums",
        ]
    ),
)  # fmt: skip


@functools.cache
def runner() -> asyncio.Runner:
    return asyncio.Runner()


def run(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    return runner().run(work)


@functools.cache
def house() -> House:
    return run(build_house())


def assert_refused_or_served(response: object) -> None:
    assert isinstance(response, HttpResponse)
    assert response.status in {200, 400, 401, 403, 429}
    if response.status != 200:
        assert set(document(response)) == {"error", "error_description"}


@given(body=st.binary(max_size=300), authorization=HEADERS)
@settings(max_examples=150, deadline=None)
def test_any_bytes_at_the_token_endpoint_are_answered(body: bytes, authorization: str) -> None:
    headers = {"authorization": authorization} if authorization else {}
    assert_refused_or_served(run(house().send("POST", "/token", form=body, headers=headers)))


@given(form=st.dictionaries(NAMES, VALUES, max_size=8), is_machine=st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_parameters_is_answered(form: dict[str, str], *, is_machine: bool) -> None:
    headers = basic("machine", SECRET) if is_machine else {}
    try:
        body = encode_form(form)
    except UnicodeEncodeError:
        return
    assert_refused_or_served(run(house().send("POST", "/token", form=body, headers=headers)))


@given(joined=st.binary(max_size=80))
@settings(max_examples=100, deadline=None)
def test_any_basic_credentials_are_answered(joined: bytes) -> None:
    headers = {"authorization": "Basic " + b64encode(joined).decode()}
    form = {"grant_type": "client_credentials"}
    assert_refused_or_served(run(house().send("POST", "/token", form=form, headers=headers)))


@given(authorization=HEADERS, query=st.dictionaries(st.sampled_from(["access_token", "x"]), st.text(max_size=20)))
@settings(max_examples=100, deadline=None)
def test_anything_at_userinfo_is_refused(authorization: str, query: dict[str, str]) -> None:
    try:
        response = run(
            house().send("GET", "/userinfo", query=query, headers={"authorization": "Bearer " + authorization})
        )
    except UnicodeEncodeError:
        return
    assert isinstance(response, HttpResponse)
    assert response.status in {400, 401}


@given(challenge=st.none() | st.text(max_size=50), method=st.none() | st.text(max_size=6) | st.just("S256"))
def test_any_challenge_is_refused_or_returned_as_sent(challenge: str | None, method: str | None) -> None:
    try:
        assert pkce.parse_challenge(challenge, method) == challenge
    except OAuthError as error:
        assert error.requirement.startswith("RFC7636-")


@given(verifier=st.text(max_size=140))
def test_a_verifier_answers_its_own_challenge_exactly_when_it_is_well_formed(verifier: str) -> None:
    if pkce.is_verifier(verifier):
        assert pkce.matches(verifier, pkce.challenge_of(verifier))
    else:
        assert not pkce.matches(verifier, "A" * 43)


@given(reply=st.binary(max_size=2000), token=st.binary(min_size=32, max_size=32))
@settings(deadline=None)
def test_what_is_sealed_opens_again(reply: bytes, token: bytes) -> None:
    presented = OpaqueToken.from_entropy("vk_rt_", token)
    assert open_sealed(seal(reply, presented, house().clock()), presented) == reply
