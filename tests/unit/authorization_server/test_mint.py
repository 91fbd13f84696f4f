"""The claims of access tokens and ID Tokens."""

from dataclasses import replace

import pytest

from support.house import API, ISSUER, NOW, OTHER_API, clients, end_users, resources
from valetkey.authorization_server.decision import ClientIssue, EndUserIssue
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.id_token import Beside, id_token_claims, left_half_hash
from valetkey.authorization_server.mint import access_token_claims, lifetime_for
from valetkey.authorization_server.model import (
    AccessTokenFormat,
    Authentication,
    Authorization,
    Generations,
    StoredAuthorization,
)
from valetkey.authorization_server.token_form import format_for
from valetkey.oauth.types import AuthorizationId, NumericDate, Scope, Seconds, SessionId

FRESH = Fresh(NOW, b"s" * 64)
WEB = clients()["web"]
MACHINE = clients()["machine"]
FIVE_MINUTES = Seconds(300)
AUTHORIZATION = Authorization(
    AuthorizationId("authorization-1"),
    WEB.client_id,
    end_users()["alice"].subject,
    Scope.parse("openid albums.read"),
    (API,),
    Authentication(NumericDate(NOW - 100), "urn:example:acr:password", ("pwd", "otp")),
    Generations(1, 2, 3, 4),
    NOW,
    NumericDate(NOW + 10_000),
    sid=SessionId("session-1"),
    bound_to_session=True,
    nonce="nonce-1",
)


def issue_of(authorization: Authorization) -> EndUserIssue:
    return EndUserIssue(
        StoredAuthorization(authorization, authorization.generations),
        authorization.scope,
        authorization.resources,
        refresh_token=None,
        id_token_nonce_applies=True,
        changes=(),
    )


ISSUE = issue_of(AUTHORIZATION)


@pytest.mark.requirement("RFC9068-2.2/claims")
def test_an_end_users_access_token_names_all_that_can_kill_it() -> None:
    assert access_token_claims(ISSUE, WEB, ISSUER, FIVE_MINUTES, FRESH) == {
        "iss": ISSUER.url,
        "sub": "sub-alice",
        "aud": [API, ISSUER.url],
        "exp": NOW + 300,
        "iat": NOW,
        "jti": FRESH.identifier("jti"),
        "client_id": "web",
        "scope": "albums.read openid",
        "auth_time": NOW - 100,
        "acr": "urn:example:acr:password",
        "amr": ["pwd", "otp"],
        "sid": "session-1",
        "authorization_id": "authorization-1",
        "gen": [1, 2, 3, 4],
    }


@pytest.mark.requirement("RFC9068-2.2/claims")
def test_a_clients_own_access_token_speaks_of_nobody_else() -> None:
    issue = ClientIssue(Scope.parse("albums.read"), (API, OTHER_API), Generations(1, 2, 3, 0))
    assert access_token_claims(issue, MACHINE, ISSUER, FIVE_MINUTES, FRESH) == {
        "iss": ISSUER.url,
        "sub": "machine",
        "aud": [API, OTHER_API],
        "exp": NOW + 300,
        "iat": NOW,
        "jti": FRESH.identifier("jti"),
        "client_id": "machine",
        "scope": "albums.read",
        "gen": [1, 2, 3, 0],
    }


def test_an_access_token_that_outlives_its_session_does_not_name_it() -> None:
    claims = access_token_claims(
        issue_of(replace(AUTHORIZATION, bound_to_session=False)), WEB, ISSUER, FIVE_MINUTES, FRESH
    )
    assert "sid" not in claims


def test_the_shortest_lifetime_that_a_resource_asks_for_wins() -> None:
    albums, orders = resources()
    short, long = Seconds(60), Seconds(900)
    assert lifetime_for((), FIVE_MINUTES) == 300
    assert lifetime_for((albums,), FIVE_MINUTES) == 300
    assert lifetime_for((replace(albums, access_token_lifetime=long),), FIVE_MINUTES) == 900
    both = (replace(albums, access_token_lifetime=long), replace(orders, access_token_lifetime=short))
    assert lifetime_for(both, FIVE_MINUTES) == 60
    assert lifetime_for((replace(albums, access_token_lifetime=long), orders), FIVE_MINUTES) == 300


# covers: COD-14
@pytest.mark.requirement("OIDCC-2/audience")
@pytest.mark.requirement("OIDCC-2/auth-time")
@pytest.mark.requirement("OIDCC-2/nonce")
def test_an_id_token_tells_the_authentication_that_made_the_code() -> None:
    assert id_token_claims(ISSUE, ISSUER, FIVE_MINUTES, NOW) == {
        "iss": ISSUER.url,
        "sub": "sub-alice",
        "aud": "web",
        "exp": NOW + 300,
        "iat": NOW,
        "auth_time": NOW - 100,
        "nonce": "nonce-1",
        "acr": "urn:example:acr:password",
        "amr": ["pwd", "otp"],
        "sid": "session-1",
    }


# covers: COD-14
@pytest.mark.requirement("OIDCC-12.2/issuer")
@pytest.mark.requirement("OIDCC-12.2/subject")
@pytest.mark.requirement("OIDCC-12.2/audience")
@pytest.mark.requirement("OIDCC-12.2/issued-at")
@pytest.mark.requirement("OIDCC-12.2/auth-time")
@pytest.mark.requirement("OIDCC-12.2/nonce")
def test_a_refreshed_id_token_is_the_same_but_for_nonce_and_times() -> None:
    later = NumericDate(NOW + 1000)
    refreshed = id_token_claims(replace(ISSUE, id_token_nonce_applies=False), ISSUER, FIVE_MINUTES, later)
    first = id_token_claims(ISSUE, ISSUER, FIVE_MINUTES, NOW)
    del first["nonce"]
    assert refreshed == {**first, "iat": later, "exp": later + 300}


def test_what_is_not_known_is_left_out() -> None:
    authorization = replace(
        AUTHORIZATION,
        authentication=Authentication(NOW, "", ()),
        sid=None,
        bound_to_session=False,
        nonce=None,
    )
    issue = issue_of(authorization)
    assert set(id_token_claims(issue, ISSUER, FIVE_MINUTES, NOW)) == {
        "iss", "sub", "aud", "exp", "iat", "auth_time"
    }  # fmt: skip
    assert not {"acr", "amr", "sid"} & set(access_token_claims(issue, WEB, ISSUER, FIVE_MINUTES, FRESH))


@pytest.mark.parametrize(
    ("algorithm", "length"),
    [
        ("RS256", 22),
        ("ES256", 22),
        ("PS384", 32),
        ("ES512", 43),
        ("ES256K", 22),
        ("Ed25519", 43),
        ("EdDSA", 43),
        ("Ed448", 76),
    ],
)
def test_at_hash_is_the_left_half_of_the_algorithms_hash(algorithm: str, length: int) -> None:
    assert len(left_half_hash("token", algorithm)) == length


@pytest.mark.requirement("OIDCC-3.3.2.11/c-hash")
def test_c_hash_is_that_of_the_specifications_example() -> None:
    # OpenID Connect Core, A.4 and A.6: the code and c_hash of their RS256 examples.
    code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"
    assert dict(Beside(code=code).hashes("RS256")) == {"c_hash": "LDktKdoQak3Pk0cnXxCltA"}


@pytest.mark.parametrize(
    ("beside", "names", "leads"),
    [
        (Beside(), set(), False),
        (Beside(access_token="t"), {"at_hash"}, True),
        (Beside(code="c"), {"c_hash"}, True),
        (Beside("t", "c"), {"at_hash", "c_hash"}, True),
    ],
)
def test_an_id_token_is_bound_to_what_stands_beside_it_and_to_nothing_else(
    beside: Beside, names: set[str], *, leads: bool
) -> None:
    assert {name for name, _ in beside.hashes("ES384")} == names
    assert beside.leads_to_access_token is leads
    assert "'t'" not in repr(beside)


def test_at_hash_is_that_of_the_specifications_example() -> None:
    # OpenID Connect Core, A.3: the access token and at_hash of its RS256 example.
    assert left_half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"


def test_a_token_is_a_jwt_unless_a_resource_or_its_client_says_otherwise() -> None:
    albums, orders = resources()
    opaque = replace(orders, access_token_format=AccessTokenFormat.OPAQUE)
    assert format_for((), WEB) is AccessTokenFormat.JWT
    assert format_for((albums, orders), WEB) is AccessTokenFormat.JWT
    # One readable copy would tell everybody what the other resource wanted to be told alone.
    assert format_for((albums, opaque), WEB) is AccessTokenFormat.OPAQUE
    assert format_for((opaque,), replace(WEB, access_token_format=AccessTokenFormat.JWT)) is AccessTokenFormat.JWT
    assert format_for((), replace(WEB, access_token_format=AccessTokenFormat.OPAQUE)) is AccessTokenFormat.OPAQUE
