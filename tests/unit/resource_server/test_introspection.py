"""What a guard asks an issuer about an opaque token, what it makes of the answer, and how long it believes it."""

from base64 import b64decode
from urllib.parse import parse_qs

import msgspec
import pytest

from support.asking import bearing
from support.issuer import ISSUER, NOW, RESOURCE, TestIssuer
from valetkey.oauth.access_token import AccessToken
from valetkey.oauth.challenge import parse_challenges
from valetkey.resource_server import Allow, Deny, ResourceServer, Rule
from valetkey.resource_server.introspection import (
    MAXIMUM_KEPT,
    IntrospectionEndpoint,
    IntrospectionMemory,
    IntrospectionUnavailable,
    read_answer,
)

JSON = {"content-type": "application/json;charset=utf-8"}
ACTIVE: dict[str, object] = {
    "active": True,
    "iss": ISSUER,
    "sub": "alice",
    "client_id": "web",
    "aud": [RESOURCE],
    "scope": "albums.read",
    "exp": NOW + 300,
    "iat": NOW,
    "jti": "1",
}
READ = Rule.requiring("albums.read")
OPAQUE = "vk_at_" + "x" * 43
AS = TestIssuer()


def answered(changes: dict[str, object] | None = None) -> AccessToken | None:
    said = {name: value for name, value in (ACTIVE | (changes or {})).items() if value is not None}
    return read_answer(200, JSON, msgspec.json.encode(said))


def active(changes: dict[str, object] | None = None) -> AccessToken:
    token = answered(changes)
    assert token is not None
    return token


def test_an_active_answer_is_the_token_and_an_inactive_one_is_none() -> None:
    token = active()
    assert (token.subject, token.audience, str(token.scope)) == ("alice", (RESOURCE,), "albums.read")
    assert read_answer(200, JSON, b'{"active":false}') is None


# covers: GTW-07
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500, 503])
def test_a_refusal_is_our_own_trouble_and_no_judgement_of_the_token(status: int) -> None:
    with pytest.raises(IntrospectionUnavailable, match=str(status)):
        read_answer(status, JSON, b'{"active":false}')


# covers: GTW-07
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b'{"active":true}'),
        ({"content-type": "text/html"}, b'{"active":false}'),
        (JSON, b""),
        (JSON, b"[]"),
        (JSON, b"{}"),
        (JSON, b'{"active":"true"}'),
        (JSON, b'{"active":1}'),
        (JSON, b'{"active":true}'),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_answer(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(IntrospectionUnavailable):
        read_answer(200, headers, body)


@pytest.mark.parametrize("name", ["iss", "sub", "client_id", "aud", "exp", "iat", "jti"])
@pytest.mark.parametrize("value", [None, "", [], {}, True, [1]])
def test_an_answer_that_lacks_what_an_access_token_says_is_no_answer(name: str, value: object) -> None:
    with pytest.raises(IntrospectionUnavailable, match=name):
        answered({name: value})


def test_the_question_carries_the_token_and_credentials_that_survive_any_letter() -> None:
    endpoint = IntrospectionEndpoint("https://as.example/introspect", "a:b", "s e%c")
    assert parse_qs(endpoint.body("a&b=c").decode()) == {"token": ["a&b=c"], "token_type_hint": ["access_token"]}
    scheme, _, value = endpoint.headers()["authorization"].partition(" ")
    assert (scheme, b64decode(value)) == ("Basic", b"a%3Ab:s+e%25c")
    assert "s e%c" not in repr(endpoint)


@pytest.mark.parametrize("url", ["http://as.example/introspect", "ftp://as.example", "/introspect", ""])
def test_tokens_are_sent_only_to_a_safe_place(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        IntrospectionEndpoint(url, "api", "secret")


# covers: INT-04, GTW-07
def test_an_active_answer_is_believed_ten_seconds_at_most_and_never_beyond_its_expiry() -> None:
    memory = IntrospectionMemory()
    memory.keep(OPAQUE, active(), NOW)
    memory.keep("short", active({"exp": NOW + 3}), NOW)
    assert memory.find(OPAQUE, NOW + 9) is not None
    assert memory.find(OPAQUE, NOW + 10) is None
    assert memory.find("short", NOW + 2) is not None
    assert memory.find("short", NOW + 3) is None
    assert memory.find(OPAQUE, NOW - 1) is None
    with pytest.raises(ValueError, match="10"):
        IntrospectionMemory(11)


# covers: GTW-08
def test_an_inactive_answer_is_believed_for_two_seconds() -> None:
    memory = IntrospectionMemory()
    memory.keep(OPAQUE, None, NOW)
    known = memory.find(OPAQUE, NOW + 1)
    assert known is not None
    assert known.token is None
    assert memory.find(OPAQUE, NOW + 2) is None
    assert memory.keep("old", active({"exp": NOW}), NOW).token is None


# covers: GTW-08
def test_an_answer_is_that_of_one_token_and_of_no_other() -> None:
    memory = IntrospectionMemory()
    memory.keep(OPAQUE, active(), NOW)
    for other in (OPAQUE + "x", OPAQUE[:-1], OPAQUE.upper(), ""):
        assert memory.find(other, NOW) is None


def test_only_so_many_answers_are_kept_and_the_oldest_leave() -> None:
    memory = IntrospectionMemory()
    for number in range(MAXIMUM_KEPT + 2):
        memory.keep(str(number), None, NOW)
    assert [memory.find(str(number), NOW) is None for number in (0, 1, 2)] == [True, True, False]


class Issuer:
    """An Introspection that answers as it is told."""

    def __init__(self, token: AccessToken | None) -> None:
        self.token = token
        self.is_down = False
        self.asked: list[str] = []

    async def introspect(self, token: str) -> AccessToken | None:
        self.asked.append(token)
        if self.is_down:
            raise IntrospectionUnavailable("the issuer is down")
        return self.token

    introspect_anew = introspect


def guard(issuer: Issuer | None) -> ResourceServer:
    return ResourceServer.of_issuer(issuer=ISSUER, resource=RESOURCE, keys=AS.source(), introspection=issuer)


async def denied(issuer: Issuer | None, token: str = OPAQUE, rule: Rule = READ) -> tuple[int, str | None]:
    outcome = await guard(issuer).decide(bearing(token), rule)
    assert isinstance(outcome, Deny)
    header = dict(outcome.headers).get("www-authenticate")
    error = None if header is None else parse_challenges(header)[0].get("error")
    return outcome.status, error


@pytest.mark.anyio
async def test_an_opaque_token_passes_with_what_the_issuer_says_of_it() -> None:
    issuer = Issuer(active())
    outcome = await guard(issuer).decide(bearing(OPAQUE), READ)
    assert isinstance(outcome, Allow)
    assert outcome.token.subject == "alice"
    assert issuer.asked == [OPAQUE]


@pytest.mark.anyio
async def test_a_jwt_is_verified_here_and_nobody_is_asked() -> None:
    issuer = Issuer(None)
    assert isinstance(await guard(issuer).decide(bearing(AS.token()), READ), Allow)
    assert await denied(issuer, "a.b.c") == (401, "invalid_token")
    assert issuer.asked == []


@pytest.mark.anyio
async def test_without_introspection_an_opaque_token_is_invalid() -> None:
    assert await denied(None) == (401, "invalid_token")


@pytest.mark.anyio
async def test_what_the_issuer_says_is_judged_like_a_jwt() -> None:
    assert await denied(Issuer(None)) == (401, "invalid_token")
    assert await denied(Issuer(active({"aud": ["https://other.example"]}))) == (401, "invalid_token")
    assert await denied(Issuer(active({"iss": "https://evil.example"}))) == (401, "invalid_token")
    assert await denied(Issuer(active({"scope": "profile"}))) == (403, "insufficient_scope")
    assert await denied(Issuer(active()), rule=Rule.requiring("albums.write")) == (403, "insufficient_scope")


# covers: GTW-07
@pytest.mark.anyio
async def test_an_issuer_that_is_down_closes_the_door_with_503_and_never_401() -> None:
    issuer = Issuer(active())
    issuer.is_down = True
    assert await denied(issuer) == (503, None)
