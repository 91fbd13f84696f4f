from base64 import b64decode
from urllib.parse import parse_qs

import pytest

from valetkey.client import (
    ClientAuthentication,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    NoAuthentication,
    PrivateKeyJwt,
    Registration,
    Server,
    token_post,
)
from valetkey.client.flow import Moment
from valetkey.jose import ConfigurationError, InvalidKey, Jwk, JwkSet, Verifier, jwt

ISSUER = "https://as.example"
SERVER = Server(ISSUER, None, f"{ISSUER}/token", sends_issuer=False)
SECRET = "vk_cs_" + "s" * 58
KEY = Jwk.generate("ES256")
MOMENT = Moment(1_800_000_000, bytes(range(32)))


def sent(authentication: ClientAuthentication, moment: Moment = MOMENT) -> tuple[dict[str, list[str]], str | None]:
    """Return the form and the Authorization header of a token request."""
    post = token_post(SERVER, authentication.credentials("client", ISSUER, moment), [("grant_type", "x")])
    return parse_qs(post.body.decode()), dict(post.headers).get("authorization")


def test_a_public_client_names_itself() -> None:
    assert sent(NoAuthentication()) == ({"grant_type": ["x"], "client_id": ["client"]}, None)


def test_basic_carries_the_secret_in_the_header_alone() -> None:
    form, header = sent(ClientSecretBasic(SECRET))
    assert form == {"grant_type": ["x"]}
    assert header is not None
    assert b64decode(header.removeprefix("Basic ")) == f"client:{SECRET}".encode()


def test_post_carries_the_secret_in_the_form_alone() -> None:
    assert sent(ClientSecretPost(SECRET)) == (
        {"grant_type": ["x"], "client_id": ["client"], "client_secret": [SECRET]},
        None,
    )


@pytest.mark.parametrize(
    ("authentication", "key", "algorithm"),
    [
        (PrivateKeyJwt(KEY), KEY.public(), "ES256"),
        (ClientSecretJwt(SECRET), Jwk.from_secret(SECRET.encode(), algorithm="HS256"), "HS256"),
    ],
)
def test_an_assertion_is_for_one_issuer_and_good_for_a_minute(
    authentication: ClientAuthentication, key: Jwk, algorithm: str
) -> None:
    form, header = sent(authentication)
    assert header is None
    assert "client_secret" not in form
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    verifier = Verifier.client_assertion(client_id="client", audience=ISSUER, algorithms=[algorithm])
    keys = JwkSet((key,))
    verified = verifier.verify(form["client_assertion"][0], keys, now=MOMENT.now)
    assert verified.header["typ"] == "client-authentication+jwt"
    assert verified.claims["aud"] == ISSUER
    assert verified.claims["exp"] == MOMENT.now + 60


def test_no_two_assertions_are_the_same_one() -> None:
    other = Moment(MOMENT.now, bytes(reversed(range(32))))
    texts = [sent(PrivateKeyJwt(KEY), moment)[0]["client_assertion"][0] for moment in (MOMENT, other)]
    assert len({jwt.peek(text).claims["jti"] for text in texts}) == 2


def test_an_assertion_says_nothing_of_the_secret_that_keys_it() -> None:
    form, _ = sent(ClientSecretJwt(SECRET))
    assert set(jwt.peek(form["client_assertion"][0]).header) == {"alg", "typ"}


def test_a_key_or_secret_that_cannot_sign_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError):
        PrivateKeyJwt(KEY.public())
    with pytest.raises(InvalidKey):
        ClientSecretJwt("short")


def test_no_repr_shows_a_secret() -> None:
    methods: list[ClientAuthentication] = [
        ClientSecretBasic(SECRET),
        ClientSecretPost(SECRET),
        ClientSecretJwt(SECRET),
        PrivateKeyJwt(KEY),
    ]
    shown = "".join(repr(Registration("client", method)) for method in methods)
    assert SECRET not in shown
    assert str(KEY.as_private_dict()["d"]) not in shown
