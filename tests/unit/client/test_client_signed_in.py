import pytest

from support.scripted import START, Script, answer
from valetkey.client import CodeFlow, Party, Registration, ResponseRejected, Server
from valetkey.client.signed_in import SignedIn, finish_code
from valetkey.jose import Jwk, jwt
from valetkey.oauth.types import Scope

ISSUER = "https://as.example"
SERVER = Server(ISSUER, f"{ISSUER}/authorize", f"{ISSUER}/token", sends_issuer=True, jwks_uri=f"{ISSUER}/jwks.json")
KEY = Jwk.generate("ES256")
KEYS = answer({"keys": [KEY.public().as_dict()]})


def finished(scope: str, changes: dict[str, object], parameters: tuple[tuple[str, str], ...] = ()) -> SignedIn:
    asked = CodeFlow(SERVER, "web", "https://web.example/callback", Scope.parse(scope), parameters=parameters)
    started = asked.start(bytes(32))
    claims: dict[str, object] = {
        "iss": ISSUER, "sub": "alice", "aud": "web", "iat": START, "exp": START + 60, "nonce": started.nonce,
    }  # fmt: skip
    id_token = jwt.sign(claims | changes, KEY, typ="JWT")
    tokens: dict[str, object] = {"access_token": "a", "token_type": "Bearer", "id_token": id_token}
    if changes.get("id_token") is False:
        del tokens["id_token"]
    query = f"code=x&state={started.state}&iss={ISSUER}"
    return Script(answer(tokens), KEYS).run(finish_code(Party(SERVER, Registration("web")), started, query))


def test_who_signed_in_is_known_after_openid_and_not_without() -> None:
    signed_in = finished("openid albums.read", {})
    assert signed_in.claims is not None
    assert signed_in.claims["sub"] == "alice"
    assert finished("albums.read", {}).claims is None


def test_openid_without_an_id_token_is_rejected() -> None:
    with pytest.raises(ResponseRejected):
        finished("openid", {"id_token": False})


@pytest.mark.parametrize("auth_time", [START - 311, None, "yesterday", True])
def test_a_sign_in_that_is_older_than_asked_for_is_rejected(auth_time: object) -> None:
    changes = {} if auth_time is None else {"auth_time": auth_time}
    with pytest.raises(ResponseRejected) as caught:
        finished("openid", changes, (("max_age", "300"),))
    assert caught.value.code == "too_long_ago"


def test_a_sign_in_that_is_as_recent_as_asked_for_is_believed() -> None:
    assert finished("openid", {"auth_time": START - 300}, (("max_age", "300"),)).claims is not None
