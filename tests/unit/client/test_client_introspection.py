import pytest

from support.scripted import START, Script, answer
from valetkey.client import Kind, Party, Registration, ResponseRejected, Server, ServerRefused, ServerUnreachable
from valetkey.client.introspection import introspect, introspect_signed
from valetkey.client.revocation import revoke
from valetkey.jose import Jwk, jwt
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.introspection import SIGNED_RESPONSE

ISSUER = "https://as.example"
SERVER = Server(
    ISSUER,
    None,
    f"{ISSUER}/token",
    sends_issuer=False,
    jwks_uri=f"{ISSUER}/jwks.json",
    revocation_endpoint=f"{ISSUER}/revoke",
    introspection_endpoint=f"{ISSUER}/introspect",
)
KEY = Jwk.generate("ES256")
KEYS = answer({"keys": [KEY.public().as_dict()]})
ACTIVE: dict[str, object] = {"active": True, "sub": "alice", "scope": "albums.read"}


def party() -> Party:
    return Party(SERVER, Registration("api"))


def signed(
    changes: dict[str, object] | None = None, key: Jwk = KEY, typ: str = "token-introspection+jwt"
) -> HttpResponse:
    claims: dict[str, object] = {"iss": ISSUER, "aud": "api", "iat": START, "token_introspection": ACTIVE}
    token = jwt.sign(claims | (changes or {}), key, typ=typ)
    return HttpResponse(200, (("content-type", SIGNED_RESPONSE),), token.encode())


def test_an_active_token_says_what_it_is() -> None:
    script = Script(answer(ACTIVE))
    said = script.run(introspect(party(), "vk_at_secret"))
    assert (said.active, said.members["sub"]) == (True, "alice")
    assert script.form()["token"] == ["vk_at_secret"]
    assert "secret" not in repr(script.requests)


def test_of_an_inactive_token_nothing_is_said_whatever_came() -> None:
    said = Script(answer({"active": False, "sub": "alice"})).run(introspect(party(), "x"))
    assert (said.active, said.members) == (False, {})


@pytest.mark.parametrize("active", [None, "true", 1, {}])
def test_an_answer_that_does_not_say_whether_the_token_is_active_is_rejected(active: object) -> None:
    with pytest.raises(ResponseRejected):
        Script(answer({"active": active, "sub": "alice"})).run(introspect(party(), "x"))


def test_a_signed_answer_is_believed_and_its_keys_are_kept() -> None:
    script, asking = Script(signed(), KEYS, signed()), party()
    for _ in range(2):
        said = script.run(introspect_signed(asking, "x"))
        assert (said.active, said.members["sub"]) == (True, "alice")
    assert script.urls == [f"{ISSUER}/introspect", f"{ISSUER}/jwks.json", f"{ISSUER}/introspect"]
    assert dict(script.requests[0].headers)["accept"] == SIGNED_RESPONSE


@pytest.mark.parametrize(
    "found",
    [
        answer(ACTIVE),
        signed({"aud": "other-api"}),
        signed({"iss": "https://evil.example"}),
        signed({"iat": START - 61}),
        signed({"iat": START + 60}),
        signed({"token_introspection": "active"}),
        signed(key=Jwk.generate("ES256", kid=KEY.kid)),
        signed(typ="JWT"),
        HttpResponse(200, (("content-type", SIGNED_RESPONSE),), b"no token"),
        HttpResponse(200, (("content-type", SIGNED_RESPONSE),), b"\xff.\xfe."),
    ],
    ids=["plain", "audience", "issuer", "old", "future", "shape", "key", "typ", "text", "octets"],
)
def test_an_answer_that_was_not_signed_for_us_just_now_is_rejected(found: HttpResponse) -> None:
    with pytest.raises(ResponseRejected):
        Script(found, KEYS).run(introspect_signed(party(), "x"))


def test_where_no_keys_are_to_be_had_nothing_is_decided() -> None:
    with pytest.raises(ServerUnreachable):
        Script(signed(), ServerUnreachable("away")).run(introspect_signed(party(), "x"))


def test_a_refusal_of_the_question_keeps_its_code() -> None:
    for flow in (introspect(party(), "x"), introspect_signed(party(), "x")):
        with pytest.raises(ServerRefused) as caught:
            Script(answer({"error": "invalid_client"}, 401)).run(flow)
        assert (caught.value.code, caught.value.status) == ("invalid_client", 401)


@pytest.mark.parametrize("kind", Kind)
def test_a_token_is_given_back_with_what_it_is(kind: Kind) -> None:
    script = Script((200, b"whatever"))
    script.run(revoke(party(), "secret", kind))
    assert script.form() == {"token": ["secret"], "token_type_hint": [kind.value], "client_id": ["api"]}


def test_a_token_that_could_not_be_revoked_still_lives_and_the_caller_is_told() -> None:
    unavailable = HttpResponse(503, (("retry-after", "7"),), b"")
    with pytest.raises(ServerUnreachable) as caught:
        Script(unavailable).run(revoke(party(), "x"))
    assert caught.value.retry_after == 7
    with pytest.raises(ServerRefused):
        Script(answer({"error": "unsupported_token_type"}, 400)).run(revoke(party(), "x"))
