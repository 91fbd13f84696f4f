import pytest

from valetkey.client import CodeFlow, ResponseRejected, Server, verify_id_token
from valetkey.jose import InvalidToken, Jwk, JwkSet, jwt
from valetkey.oauth.types import Scope

NOW = 1_800_000_000
KEY = Jwk.generate("ES256")
KEYS = JwkSet((KEY.public(),))
SERVER = Server("https://as.example", "https://as.example/authorize", "https://as.example/token", sends_issuer=True)
STARTED = CodeFlow(SERVER, "native", "http://127.0.0.1:9/callback", Scope({"openid"})).start(bytes(32))


def _id_token(changes: dict[str, object] | None = None, key: Jwk = KEY) -> str:
    claims: dict[str, object] = {
        "iss": SERVER.issuer,
        "sub": "alice",
        "aud": "native",
        "exp": NOW + 60,
        "iat": NOW,
        "nonce": STARTED.nonce,
    }
    return jwt.sign(
        {name: value for name, value in (claims | (changes or {})).items() if value is not None}, key, typ="JWT"
    )


def test_an_id_token_of_this_flow_is_believed() -> None:
    assert verify_id_token(_id_token(), STARTED, KEYS, now=NOW)["sub"] == "alice"


# covers: FED-03
@pytest.mark.requirement("OIDCC-3.1.3.7/issuer")
@pytest.mark.requirement("OIDCC-3.1.3.7/audience")
@pytest.mark.requirement("OIDCC-3.1.3.7/expiration")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://as.example/"},
        {"iss": None},
        {"aud": "web"},
        {"aud": ["native", "web"]},
        {"aud": None},
        {"exp": NOW},
        {"exp": None},
        {"sub": None},
    ],
)
def test_an_id_token_of_another_issuer_audience_or_time_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ResponseRejected) as caught:
        verify_id_token(_id_token(changes), STARTED, KEYS, now=NOW)
    assert caught.value.code == "invalid_id_token"
    assert isinstance(caught.value.__cause__, InvalidToken)


@pytest.mark.requirement("OIDCC-3.1.3.7/signature")
def test_an_id_token_signed_by_a_stranger_is_refused() -> None:
    with pytest.raises(ResponseRejected):
        verify_id_token(_id_token(key=Jwk.generate("ES256", kid=KEY.kid)), STARTED, KEYS, now=NOW)
    with pytest.raises(ResponseRejected):
        verify_id_token(_id_token(), STARTED, KEYS, now=NOW, algorithms=["RS256"])


@pytest.mark.requirement("OIDCC-3.1.3.7/nonce")
@pytest.mark.parametrize("nonce", [None, "", "other", 7])
def test_an_id_token_of_another_request_is_refused(nonce: object) -> None:
    with pytest.raises(ResponseRejected) as caught:
        verify_id_token(_id_token({"nonce": nonce}), STARTED, KEYS, now=NOW)
    assert caught.value.code == "nonce_mismatch"
