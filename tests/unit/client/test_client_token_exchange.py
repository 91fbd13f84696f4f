import pytest

from support.scripted import Script, answer
from valetkey.client import Exchange, Party, Registration, ResponseRejected, Server, ServerRefused, TokenType
from valetkey.client.token_exchange import exchange
from valetkey.oauth.types import Scope

PARTY = Party(Server("https://as.example", None, "https://as.example/token", False), Registration("gateway"))
ISSUED: dict[str, object] = {
    "access_token": "issued-secret",
    "issued_token_type": TokenType.ACCESS_TOKEN.value,
    "token_type": "Bearer",
    "expires_in": 60,
}


def test_the_request_names_both_tokens_with_their_types_and_every_target() -> None:
    asked = Exchange(
        "subject-secret",
        actor_token="actor-secret",
        actor_token_type=TokenType.JWT,
        requested_token_type=TokenType.ACCESS_TOKEN,
        scope=Scope({"albums.read"}),
        resources=("https://a.example", "https://b.example"),
        audiences=("orders",),
    )
    script = Script(answer(ISSUED))
    tokens = script.run(exchange(PARTY, asked))
    assert (tokens.issued_token_type, tokens.token_type) == (TokenType.ACCESS_TOKEN, "Bearer")
    assert script.form() == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:token-exchange"],
        "subject_token": ["subject-secret"],
        "subject_token_type": ["urn:ietf:params:oauth:token-type:access_token"],
        "actor_token": ["actor-secret"],
        "actor_token_type": ["urn:ietf:params:oauth:token-type:jwt"],
        "requested_token_type": ["urn:ietf:params:oauth:token-type:access_token"],
        "scope": ["albums.read"],
        "resource": ["https://a.example", "https://b.example"],
        "audience": ["orders"],
        "client_id": ["gateway"],
    }
    assert "secret" not in repr(asked) + repr(tokens)


def test_without_an_actor_no_type_of_one_is_sent() -> None:
    script = Script(answer(ISSUED))
    script.run(exchange(PARTY, Exchange("subject")))
    assert {"actor_token", "actor_token_type", "requested_token_type", "scope"}.isdisjoint(script.form())


def test_what_is_no_access_token_is_of_no_type_for_an_api() -> None:
    members = ISSUED | {"issued_token_type": TokenType.ID_TOKEN.value, "token_type": "N_A"}
    tokens = Script(answer(members)).run(exchange(PARTY, Exchange("subject")))
    assert (tokens.token_type, tokens.issued_token_type) == ("N_A", TokenType.ID_TOKEN)


@pytest.mark.parametrize(
    "changes",
    [
        {"issued_token_type": None},
        {"issued_token_type": TokenType.JWT.value},
        {"token_type": "N_A"},
        {"token_type": None},
        {"access_token": "two\nlines"},
    ],
)
def test_an_answer_that_contradicts_itself_or_the_request_is_rejected(changes: dict[str, object]) -> None:
    members = {name: value for name, value in (ISSUED | changes).items() if value is not None}
    asked = Exchange("subject", requested_token_type=TokenType.ACCESS_TOKEN)
    with pytest.raises(ResponseRejected):
        Script(answer(members)).run(exchange(PARTY, asked))


def test_an_id_token_that_calls_itself_bearer_is_rejected() -> None:
    members = ISSUED | {"issued_token_type": TokenType.ID_TOKEN.value}
    with pytest.raises(ResponseRejected):
        Script(answer(members)).run(exchange(PARTY, Exchange("subject")))


def test_a_refusal_keeps_the_code_of_the_server() -> None:
    with pytest.raises(ServerRefused) as caught:
        Script(answer({"error": "invalid_target"}, 400)).run(exchange(PARTY, Exchange("subject")))
    assert caught.value.code == "invalid_target"
