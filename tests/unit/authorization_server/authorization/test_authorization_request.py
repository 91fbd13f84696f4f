from dataclasses import replace

import pytest

from support.house import clients
from support.requirement import requirement
from valetkey.authorization_server.authorization.request import (
    PageRefusal,
    addressed,
    client_of,
    loopback_port,
)
from valetkey.authorization_server.pages import ErrorKind
from valetkey.authorization_server.policy import MCP, OAUTH_2_1
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import Parameters
from valetkey.oauth.redirect_uri import LoopbackPort

WEB = clients()["web"]
CALLBACK = WEB.redirect_uris[0]
REPEATED = OAuthError(ErrorCode.INVALID_REQUEST, "A parameter is repeated.", "RFC6749-3.1/repeated")


def sent(**parameters: str) -> Parameters:
    return Parameters.of(tuple(parameters.items()))


# covers: RDR-01
@requirement("RFC6749-4.1.2.1/no-redirect")
def test_an_unknown_or_disabled_client_is_told_on_a_page() -> None:
    for client in (None, replace(WEB, disabled=True)):
        with pytest.raises(PageRefusal) as refused:
            client_of(client)
        assert refused.value.page.code == "invalid_client"
        assert refused.value.error.requirement == "RFC6749-4.1.2.1/no-redirect"
    assert client_of(WEB) is WEB


def test_a_request_is_addressed_once_its_redirect_uri_is_verified() -> None:
    request = addressed(sent(redirect_uri=CALLBACK, state="s"), None, WEB, OAUTH_2_1)
    assert (request.to.uri, request.redirect_uri_was_sent, request.state) == (CALLBACK, True, "s")
    assert addressed(sent(), None, WEB, OAUTH_2_1).redirect_uri_was_sent is False


def test_a_redirect_uri_that_may_have_been_repeated_is_not_guessed() -> None:
    with pytest.raises(PageRefusal) as refused:
        addressed(sent(), REPEATED, WEB, OAUTH_2_1)
    assert refused.value.kind is ErrorKind.BAD_REDIRECT_URI
    assert addressed(sent(redirect_uri=CALLBACK), REPEATED, WEB, OAUTH_2_1).to.uri == CALLBACK


def test_a_page_says_what_is_wrong_and_not_what_was_sent() -> None:
    with pytest.raises(PageRefusal) as refused:
        addressed(sent(redirect_uri="https://evil.example/"), None, WEB, OAUTH_2_1)
    assert "evil" not in refused.value.page.detail + str(refused.value)


def test_the_port_varies_for_native_clients_as_the_policy_says() -> None:
    native = clients()["native"]
    assert loopback_port(WEB, MCP) is LoopbackPort.AS_REGISTERED
    assert loopback_port(native, OAUTH_2_1) is LoopbackPort.ANY_ON_IP_LITERAL
    assert loopback_port(native, MCP) is LoopbackPort.ANY_ON_IP_LITERAL_AND_LOCALHOST
