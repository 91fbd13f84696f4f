import pytest

from support.house import ISSUER
from support.requirement import requirement
from valetkey.authorization_server.authorization.response import (
    Addressee,
    Bearing,
    RedirectError,
    delivered,
    error_addressee,
    error_pairs,
    way_to,
)
from valetkey.authorization_server.authorization.response_types import ResponseMode
from valetkey.authorization_server.mint import MintedAccessToken
from valetkey.authorization_server.pages import FormPostPage, FormTarget, Page
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.redirect_uri import LoopbackPort, VerifiedRedirect, verify
from valetkey.oauth.types import OpaqueToken, Scope, Seconds

CODE = Bearing(code=OpaqueToken.presented("vk_ac_1"))
TOKEN = Bearing(access_token=MintedAccessToken("vk_at_1", Seconds(300)), scope=Scope.parse("a b"))
ID_TOKEN = Bearing(id_token="e30.e30.sig")


def verified(uri: str) -> VerifiedRedirect:
    return verify(uri, (uri,), LoopbackPort.AS_REGISTERED)


def addressee(uri: str = "https://a.example/cb", mode: ResponseMode = ResponseMode.QUERY) -> Addressee:
    return Addressee(verified(uri), "s", mode, "Prints")


@requirement("RFC9207-2/issuer")
@pytest.mark.parametrize(
    ("uri", "mode", "location"),
    [
        ("https://a.example/cb", ResponseMode.QUERY, "https://a.example/cb?"),
        ("https://a.example/cb?x=1", ResponseMode.QUERY, "https://a.example/cb?x=1&"),
        ("com.example.a:/cb", ResponseMode.QUERY, "com.example.a:/cb?"),
        ("https://a.example/cb", ResponseMode.FRAGMENT, "https://a.example/cb#"),
        ("https://a.example/cb?x=1", ResponseMode.FRAGMENT, "https://a.example/cb?x=1#"),
    ],
)
def test_an_answer_is_added_to_the_address(uri: str, mode: ResponseMode, location: str) -> None:
    response = delivered(Addressee(verified(uri), "a&b=c \u00e4", mode), CODE.pairs(), ISSUER)
    assert isinstance(response, HttpResponse)
    assert response.status == 303
    assert response.header("cache-control") == "no-store"
    assert response.header("location") == (
        f"{location}code=vk_ac_1&state=a%26b%3Dc+%C3%A4&iss=https%3A%2F%2Fas.example"
    )


def test_a_state_that_was_not_sent_is_not_answered() -> None:
    way = way_to(Addressee(verified("https://a.example/"), None), CODE.pairs(), ISSUER)
    assert way == "https://a.example/?code=vk_ac_1&iss=https%3A%2F%2Fas.example"


@requirement("OAUTHFP-2/action")
@requirement("OAUTHFP-2/post")
def test_an_answer_that_is_posted_stands_in_a_form_as_it_is() -> None:
    to = Addressee(verified("https://a.example/cb?x=1"), "a&b=c \u00e4\"'<", ResponseMode.FORM_POST, "Prints")
    found = delivered(to, CODE.pairs(), ISSUER)
    assert isinstance(found, Page)
    hidden = (("code", "vk_ac_1"), ("state", "a&b=c \u00e4\"'<"), ("iss", ISSUER.url))
    form = FormTarget("https://a.example/cb?x=1", hidden, "https://a.example")
    assert found.view == FormPostPage(form, "Prints", "a.example")


@pytest.mark.parametrize("bearing", [TOKEN, ID_TOKEN])
def test_a_token_in_a_query_is_our_own_mistake(bearing: Bearing) -> None:
    with pytest.raises(ValueError, match="never stands in a query"):
        way_to(addressee(), bearing.pairs(), ISSUER)


def test_what_was_not_asked_for_is_not_there() -> None:
    assert Bearing().pairs() == ()
    assert TOKEN.pairs() == (
        ("access_token", "vk_at_1"),
        ("token_type", "Bearer"),
        ("expires_in", "300"),
        ("scope", "a b"),
    )
    assert ID_TOKEN.pairs() == (("id_token", "e30.e30.sig"),)
    assert not any(secret in repr((CODE, TOKEN, ID_TOKEN)) for secret in ("vk_ac_1", "vk_at_1", "e30"))


@pytest.mark.parametrize(
    ("mode", "mark"), [(ResponseMode.QUERY, "?"), (ResponseMode.FRAGMENT, "#"), (ResponseMode.FORM_POST, "")]
)
def test_an_error_carries_its_code_and_its_fixed_text(mode: ResponseMode, mark: str) -> None:
    error = OAuthError(ErrorCode.ACCESS_DENIED, "The end-user declined.", "RFC6749-4.1.2.1/error", detail="secret")
    refusal = RedirectError(verified("https://a.example/"), error, "s", mode=mode, client_name="Prints")
    way = way_to(error_addressee(refusal), error_pairs(refusal), ISSUER)
    if isinstance(way, FormTarget):
        assert dict(way.hidden) == {
            "error": "access_denied",
            "error_description": "The end-user declined.",
            "state": "s",
            "iss": ISSUER.url,
        }
    else:
        assert way == (
            f"https://a.example/{mark}error=access_denied&error_description=The+end-user+declined.&state=s"
            "&iss=https%3A%2F%2Fas.example"
        )


def test_an_error_of_another_endpoint_cannot_be_redirected() -> None:
    error = OAuthError(ErrorCode.INVALID_CLIENT, "The client is unknown.", "RFC6749-5.2")
    with pytest.raises(ValueError, match="invalid_client"):
        RedirectError(verified("https://a.example/"), error, None)
