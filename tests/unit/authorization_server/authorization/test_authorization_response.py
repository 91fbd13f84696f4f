import pytest

from support.house import ISSUER
from support.requirement import requirement
from valetkey.authorization_server.authorization.response import RedirectError, code_response, error_response
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.redirect_uri import LoopbackPort, VerifiedRedirect, verify
from valetkey.oauth.types import OpaqueToken

CODE = OpaqueToken.presented("vk_ac_1")


def verified(uri: str) -> VerifiedRedirect:
    return verify(uri, (uri,), LoopbackPort.AS_REGISTERED)


@requirement("RFC9207-2/issuer")
@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("https://a.example/cb", "https://a.example/cb?"),
        ("https://a.example/cb?x=1", "https://a.example/cb?x=1&"),
        ("com.example.a:/cb", "com.example.a:/cb?"),
    ],
)
def test_an_answer_is_added_to_the_query(uri: str, location: str) -> None:
    response = code_response(verified(uri), CODE, "a&b=c \u00e4", ISSUER)
    assert response.status == 303
    assert response.header("cache-control") == "no-store"
    assert response.header("location") == (
        f"{location}code=vk_ac_1&state=a%26b%3Dc+%C3%A4&iss=https%3A%2F%2Fas.example"
    )


def test_a_state_that_was_not_sent_is_not_answered() -> None:
    response = code_response(verified("https://a.example/"), CODE, None, ISSUER)
    assert response.header("location") == "https://a.example/?code=vk_ac_1&iss=https%3A%2F%2Fas.example"


def test_an_error_carries_its_code_and_its_fixed_text() -> None:
    error = OAuthError(ErrorCode.ACCESS_DENIED, "The end-user declined.", "RFC6749-4.1.2.1/error", detail="secret")
    response = error_response(RedirectError(verified("https://a.example/"), error, "s"), ISSUER)
    assert response.header("location") == (
        "https://a.example/?error=access_denied&error_description=The+end-user+declined.&state=s"
        "&iss=https%3A%2F%2Fas.example"
    )


def test_an_error_of_another_endpoint_cannot_be_redirected() -> None:
    error = OAuthError(ErrorCode.INVALID_CLIENT, "The client is unknown.", "RFC6749-5.2")
    with pytest.raises(ValueError, match="invalid_client"):
        RedirectError(verified("https://a.example/"), error, None)
