"""What a client may have of what it asks for."""

from dataclasses import replace

import pytest

from support.house import API, ISSUER, NOW, OTHER_API, clients, end_users, resources
from valetkey.authorization_server.model import Authentication, Authorization, Generations
from valetkey.authorization_server.policy import OAUTH_2_1, OPENID
from valetkey.authorization_server.rights import Rights, audience, narrowed, rights_for
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import AuthorizationId, NumericDate, Scope

WEB = clients()["web"]
MACHINE = clients()["machine"]
CATALOGUE = resources()
ALBUMS = CATALOGUE[0]
ANYWHERE = replace(WEB, resources=())

AUTHORIZATION = Authorization(
    AuthorizationId("authorization-1"),
    WEB.client_id,
    end_users()["alice"].subject,
    Scope.parse("openid albums.read orders.read"),
    (API, OTHER_API),
    Authentication(NOW, "", ()),
    Generations(),
    NOW,
    NumericDate(NOW + 1000),
    sid=None,
    bound_to_session=False,
)


def refusal(asked: str | None, *asked_resources: str) -> OAuthError:
    scope = None if asked is None else Scope.parse(asked)
    with pytest.raises(OAuthError) as caught:
        rights_for(scope, asked_resources, WEB, CATALOGUE, OAUTH_2_1)
    return caught.value


def test_a_named_resource_opens_its_scopes_and_the_end_users() -> None:
    asked = Scope.parse("openid orders.read")
    assert rights_for(asked, (OTHER_API,), WEB, CATALOGUE, OAUTH_2_1) == Rights(asked, (OTHER_API,))


@pytest.mark.requirement("RFC9068-3/default-audience")
def test_without_a_resource_the_clients_first_is_meant() -> None:
    asked = Scope.parse("openid albums.read")
    assert rights_for(asked, (), WEB, CATALOGUE, OAUTH_2_1) == Rights(asked, (API,))


def test_without_any_preference_the_one_resource_that_defines_the_scope_is_meant() -> None:
    asked = Scope.parse("orders.read")
    assert rights_for(asked, (), ANYWHERE, CATALOGUE, OAUTH_2_1) == Rights(asked, (OTHER_API,))


def test_without_a_resource_scope_no_resource_is_meant() -> None:
    asked = Scope.parse("openid profile")
    assert rights_for(asked, (), ANYWHERE, CATALOGUE, OAUTH_2_1) == Rights(asked, ())


@pytest.mark.requirement("RFC8707-2/ambiguous")
def test_a_scope_of_several_resources_wants_one_named() -> None:
    with pytest.raises(OAuthError) as caught:
        rights_for(Scope.parse("albums.read orders.read"), (), ANYWHERE, CATALOGUE, OAUTH_2_1)
    assert caught.value.code is ErrorCode.INVALID_TARGET


def test_several_resources_may_be_named_and_one_twice() -> None:
    asked = Scope.parse("albums.read orders.read")
    rights = rights_for(asked, (OTHER_API, API, OTHER_API), WEB, CATALOGUE, OAUTH_2_1)
    assert rights == Rights(asked, (OTHER_API, API))


# covers: AUT-14
@pytest.mark.requirement("RFC8707-2/unknown")
@pytest.mark.parametrize(
    "sent", ["https://api.example/nothing", "https://API.example/albums", "https://api.example/albums/"]
)
def test_a_resource_is_compared_exactly_as_sent(sent: str) -> None:
    error = refusal("albums.read", sent)
    assert error.code is ErrorCode.INVALID_TARGET
    assert error.requirement == "RFC8707-2/unknown"


def test_a_misspelt_resource_is_told_our_spelling() -> None:
    assert API in refusal("albums.read", API + "/").description
    assert API not in refusal("albums.read", "https://api.example/nothing").description


# covers: AUT-14
@pytest.mark.requirement("RFC8707-2/syntax")
@pytest.mark.parametrize("sent", ["albums", "https://api.example/albums#x"])
def test_a_relative_resource_or_one_with_a_fragment_is_refused(sent: str) -> None:
    assert refusal("albums.read", sent).requirement == "RFC8707-2/syntax"


def test_a_disabled_resource_is_unknown() -> None:
    with pytest.raises(OAuthError) as caught:
        rights_for(None, (API,), WEB, (replace(ALBUMS, disabled=True),), OAUTH_2_1)
    assert caught.value.code is ErrorCode.INVALID_TARGET


def test_a_resource_that_the_client_may_not_name_is_unknown() -> None:
    with pytest.raises(OAuthError) as caught:
        rights_for(None, (OTHER_API,), replace(WEB, resources=(API,)), CATALOGUE, OAUTH_2_1)
    assert caught.value.code is ErrorCode.INVALID_TARGET


# covers: AUT-12
@pytest.mark.requirement("RFC6749-3.3")
@pytest.mark.parametrize("asked", ["nobody.knows", "openid nobody.knows", "orders.read openid"])
def test_under_oauth_2_1_a_scope_that_cannot_be_had_is_refused(asked: str) -> None:
    assert refusal(asked, API).code is ErrorCode.INVALID_SCOPE


# covers: AUT-12
def test_under_openid_a_scope_that_cannot_be_had_is_dropped() -> None:
    rights = rights_for(Scope.parse("openid nobody.knows"), (), WEB, CATALOGUE, OPENID)
    assert rights.scope == Scope.parse("openid")


@pytest.mark.requirement("RFC6749-3.3")
def test_when_nothing_is_left_the_request_is_refused_under_any_profile() -> None:
    with pytest.raises(OAuthError) as caught:
        rights_for(Scope.parse("nobody.knows"), (), WEB, CATALOGUE, OPENID)
    assert caught.value.code is ErrorCode.INVALID_SCOPE


@pytest.mark.requirement("RFC6749-3.3/default")
def test_what_is_not_asked_is_all_but_openid_and_offline_access() -> None:
    rights = rights_for(None, (), WEB, CATALOGUE, OAUTH_2_1)
    assert rights == Rights(Scope.parse("profile email albums.read albums.write"), (API,))


# covers: AUT-13
def test_offline_access_is_ignored_for_a_client_without_refresh_tokens() -> None:
    client = replace(WEB, grant_types=WEB.grant_types - {"refresh_token"})
    rights = rights_for(Scope.parse("openid offline_access"), (), client, CATALOGUE, OAUTH_2_1)
    assert rights.scope == Scope.parse("openid")


def test_a_token_request_gets_the_whole_authorization_unless_it_asks_for_less() -> None:
    assert narrowed(AUTHORIZATION, None, (), WEB, CATALOGUE) == Rights(AUTHORIZATION.scope, AUTHORIZATION.resources)
    assert narrowed(AUTHORIZATION, Scope.parse("orders.read"), (OTHER_API,), WEB, CATALOGUE) == Rights(
        Scope.parse("orders.read"), (OTHER_API,)
    )


@pytest.mark.requirement("RFC8707-2.2/unknown")
def test_a_named_resource_narrows_the_scope_to_its_own() -> None:
    rights = narrowed(AUTHORIZATION, None, (OTHER_API,), WEB, CATALOGUE)
    assert rights.scope == Scope.parse("openid orders.read")


@pytest.mark.requirement("RFC6749-6/scope")
def test_a_scope_that_was_not_granted_is_refused() -> None:
    with pytest.raises(OAuthError) as caught:
        narrowed(AUTHORIZATION, Scope.parse("albums.write"), (), WEB, CATALOGUE)
    assert caught.value.requirement == "RFC6749-6/scope"


# covers: COD-10
def test_a_resource_that_was_not_granted_is_refused() -> None:
    with pytest.raises(OAuthError) as caught:
        narrowed(replace(AUTHORIZATION, resources=(API,)), None, (OTHER_API,), WEB, CATALOGUE)
    assert caught.value.code is ErrorCode.INVALID_TARGET


# covers: REF-07
def test_what_the_client_lost_since_is_not_granted_again() -> None:
    client = replace(WEB, scope=Scope.parse("openid albums.read"), resources=(API,))
    assert narrowed(AUTHORIZATION, None, (), client, CATALOGUE) == Rights(client.scope, (API,))
    with pytest.raises(OAuthError):
        narrowed(AUTHORIZATION, None, (), replace(client, scope=Scope.parse("profile")), CATALOGUE)


@pytest.mark.requirement("RFC8707-2.2/unknown")
def test_when_every_resource_is_gone_nothing_is_granted_for_the_issuer_instead() -> None:
    with pytest.raises(OAuthError) as caught:
        narrowed(AUTHORIZATION, None, (), WEB, ())
    assert caught.value.code is ErrorCode.INVALID_TARGET


def test_the_audience_names_the_resources_and_for_userinfo_the_issuer() -> None:
    albums, openid = Scope.parse("albums.read"), Scope.parse("openid")
    assert audience((API,), albums, ISSUER) == API
    assert audience((API, OTHER_API), albums, ISSUER) == [API, OTHER_API]
    assert audience((API,), openid, ISSUER) == [API, ISSUER.url]
    assert audience((), openid, ISSUER) == ISSUER.url
    assert audience((), albums, ISSUER) == ISSUER.url
