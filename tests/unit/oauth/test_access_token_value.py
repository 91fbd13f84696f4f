"""The value of a verified access token: what it says, and what it does not print."""

import pytest

from valetkey.oauth.access_token import AccessToken, PrincipalKind, access_token_from_claims

CLAIMS: dict[str, object] = {
    "iss": "https://as.example",
    "sub": "alice",
    "aud": "https://api.example",
    "client_id": "web",
    "iat": 1_800_000_000,
    "exp": 1_800_000_300.5,
    "jti": "j-1",
    "scope": "read write read",
    "sid": "s-1",
    "authorization_id": "a-1",
    "email": "alice@example.com",
}


def token(**changes: object) -> AccessToken:
    return access_token_from_claims({**CLAIMS, **changes})


def test_a_token_says_what_its_claims_say() -> None:
    found = token()
    assert (found.issuer, found.subject, found.client_id, found.token_id) == (
        "https://as.example",
        "alice",
        "web",
        "j-1",
    )
    assert found.scope == frozenset({"read", "write"})
    assert (found.issued_at, found.expires_at) == (1_800_000_000, 1_800_000_300)
    assert (found.sid, found.authorization_id) == ("s-1", "a-1")
    assert found.principal is PrincipalKind.END_USER
    assert token(sub="web").principal is PrincipalKind.CLIENT
    assert token(sid=None, authorization_id=7).sid is None
    assert token(sid=None, authorization_id=7).authorization_id is None


@pytest.mark.parametrize(
    ("audience", "read"),
    [("https://a.example", ("https://a.example",)), (["https://a.example", "b"], ("https://a.example", "b"))],
)
def test_an_audience_is_one_or_many(audience: object, read: tuple[str, ...]) -> None:
    assert token(aud=audience).audience == read


def test_a_printed_token_does_not_show_what_else_is_claimed() -> None:
    printed = repr(token())
    assert "alice@example.com" not in printed
    assert printed.startswith("AccessToken(issuer='https://as.example'")


def test_a_token_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        token().subject = "mallory"  # type: ignore[misc, assignment]
