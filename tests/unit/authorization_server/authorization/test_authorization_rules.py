from dataclasses import replace

import pytest

from support.house import API, ISSUER, NOW, VERIFIER, clients, resources
from support.requirement import requirement
from valetkey.authorization_server.authorization.request import (
    Prompt,
    VerifiedAuthorizationRequest,
    addressed,
)
from valetkey.authorization_server.authorization.response import RedirectError
from valetkey.authorization_server.authorization.rules import Terms, verify_request
from valetkey.authorization_server.model import Client
from valetkey.authorization_server.policy import OAUTH_2_1, OPENID, Policy
from valetkey.jose import JwkSet
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import Parameters
from valetkey.oauth.pkce import challenge_of
from valetkey.oauth.types import GrantType, Scope

WEB = clients()["web"]
GOOD = {
    "redirect_uri": WEB.redirect_uris[0],
    "response_type": "code",
    "scope": "openid albums.read",
    "resource": API,
    "state": "state-1",
    "nonce": "nonce-1",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}
UNPROVED = {"code_challenge": None, "code_challenge_method": None}
REPEATED = OAuthError(ErrorCode.INVALID_REQUEST, "A parameter is repeated.", "RFC6749-3.1/repeated")


def judge(
    client: Client = WEB, policy: Policy = OAUTH_2_1, repeated: OAuthError | None = None, **changes: str | None
) -> VerifiedAuthorizationRequest:
    sent = {name: value for name, value in (GOOD | changes).items() if value is not None}
    asked = addressed(Parameters.of(tuple(sent.items())), repeated, client, policy)
    return verify_request(asked, repeated, Terms(policy, resources(), ISSUER, JwkSet(()), NOW))


def refused(client: Client = WEB, repeated: OAuthError | None = None, **changes: str | None) -> RedirectError:
    with pytest.raises(RedirectError) as found:
        judge(client, OAUTH_2_1, repeated, **changes)
    assert (found.value.to.uri, found.value.state) == (WEB.redirect_uris[0], "state-1")
    return found.value


def test_a_good_request_is_verified_as_a_whole() -> None:
    asked = judge(prompt="login consent", max_age="60", login_hint="alice")
    assert (asked.scope, asked.resources) == (Scope.parse("openid albums.read"), (API,))
    assert (asked.code_challenge, asked.nonce, asked.state) == (challenge_of(VERIFIER), "nonce-1", "state-1")
    assert (asked.prompt, asked.max_age, asked.login_hint) == (
        frozenset({Prompt.LOGIN, Prompt.CONSENT}),
        60,
        "alice",
    )


@requirement("RFC6749-3.1/repeated")
def test_a_repeated_parameter_is_told_first() -> None:
    assert refused(repeated=REPEATED, response_type="token").error is REPEATED


@requirement("OIDCC-6.1/not-supported")
@requirement("OIDCC-6.2/not-supported")
@pytest.mark.parametrize(
    ("changes", "code", "requirement_id"),
    [
        ({"response_type": None}, ErrorCode.INVALID_REQUEST, "RFC6749-3.1.1/response-type"),
        ({"response_type": "token"}, ErrorCode.UNSUPPORTED_RESPONSE_TYPE, "RFC6749-3.1.1/response-type"),
        ({"response_mode": "fragment"}, ErrorCode.INVALID_REQUEST, "OIDCC-3.1.2.5"),
        (UNPROVED, ErrorCode.INVALID_REQUEST, "RFC7636-4.4.1/required"),
        ({"prompt": "none consent"}, ErrorCode.INVALID_REQUEST, "OIDCC-3.1.2.1/prompt-values"),
        ({"max_age": "-1"}, ErrorCode.INVALID_REQUEST, "OIDCC-3.1.2.1/max-age"),
        ({"request": "x"}, ErrorCode.REQUEST_NOT_SUPPORTED, "OIDCC-6.1/not-supported"),
        ({"request_uri": "x"}, ErrorCode.REQUEST_URI_NOT_SUPPORTED, "OIDCC-6.2/not-supported"),
        ({"registration": "x"}, ErrorCode.REGISTRATION_NOT_SUPPORTED, "OIDCC-7.2.1/not-supported"),
        ({"id_token_hint": "x"}, ErrorCode.INVALID_REQUEST, "OIDCC-3.1.2.2/hint-issuer"),
        ({"scope": "nonsense"}, ErrorCode.INVALID_SCOPE, "RFC6749-3.3"),
        ({"resource": "https://elsewhere.example/"}, ErrorCode.INVALID_TARGET, "RFC8707-2/unknown"),
    ],
)
def test_every_refusal_names_its_code_and_the_rule_it_enforces(
    changes: dict[str, str | None], code: ErrorCode, requirement_id: str
) -> None:
    error = refused(WEB, None, **changes).error
    assert (error.code, error.requirement) == (code, requirement_id)


def test_a_client_without_the_grant_may_not_ask() -> None:
    machine = replace(WEB, grant_types=frozenset({GrantType("client_credentials")}))
    assert refused(machine).error.code is ErrorCode.UNAUTHORIZED_CLIENT


def test_a_confidential_client_of_the_openid_profile_may_go_without_a_challenge() -> None:
    assert judge(WEB, OPENID, code_challenge=None, code_challenge_method=None).code_challenge is None


def test_a_nonce_without_openid_means_nothing() -> None:
    assert judge(scope="albums.read").nonce is None


# covers: AUT-13
@requirement("OIDCC-11/ignored")
def test_offline_access_counts_only_where_somebody_is_asked_and_may_refresh() -> None:
    scope = "openid offline_access"
    assert judge(scope=scope, prompt="consent").scope == Scope.parse(scope)
    assert judge(scope=scope).scope == Scope.parse("openid")
    only_code = replace(WEB, grant_types=frozenset({GrantType("authorization_code")}))
    assert judge(only_code, scope=scope, prompt="consent").scope == Scope.parse("openid")


@pytest.mark.parametrize("hint", ["a" * 257, "alice\n", "\u202ealice"])
def test_a_hint_that_is_no_user_name_fills_in_nothing(hint: str) -> None:
    assert judge(login_hint=hint).login_hint == ""
