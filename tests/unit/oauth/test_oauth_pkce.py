"""PKCE: only S256, only the exact grammar, compared in constant time."""

import pytest

from valetkey.oauth import pkce
from valetkey.oauth.errors import ErrorCode, OAuthError

# RFC 7636, Appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.requirement("RFC7636-4.6")
def test_the_verifier_of_the_specification_answers_its_challenge() -> None:
    assert pkce.challenge_of(VERIFIER) == CHALLENGE
    assert pkce.matches(VERIFIER, CHALLENGE)
    assert not pkce.matches(VERIFIER[:-1] + "K", CHALLENGE)


def test_a_challenge_with_s256_is_returned_as_sent() -> None:
    assert pkce.parse_challenge(CHALLENGE, "S256") == CHALLENGE
    assert pkce.parse_challenge(None, None) is None


@pytest.mark.requirement("RFC7636-4.4.1/method")
@pytest.mark.parametrize("method", [None, "plain", "s256", "S256 ", "", "S512"])
def test_any_method_but_s256_is_refused_an_absent_one_too(method: str | None) -> None:
    with pytest.raises(OAuthError) as caught:
        pkce.parse_challenge(CHALLENGE, method)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.requirement == "RFC7636-4.4.1/method"


@pytest.mark.requirement("RFC7636-4.2")
@pytest.mark.parametrize(
    "challenge", ["", CHALLENGE[:-1], CHALLENGE + "A", CHALLENGE[:-1] + "=", CHALLENGE[:-1] + "+", CHALLENGE + "\n"]
)
def test_a_challenge_that_is_no_digest_is_refused(challenge: str) -> None:
    with pytest.raises(OAuthError) as caught:
        pkce.parse_challenge(challenge, "S256")
    assert caught.value.requirement == "RFC7636-4.2"


@pytest.mark.requirement("RFC7636-4.3")
def test_a_method_without_a_challenge_is_refused() -> None:
    with pytest.raises(OAuthError) as caught:
        pkce.parse_challenge(None, "S256")
    assert caught.value.requirement == "RFC7636-4.3"


@pytest.mark.requirement("RFC7636-4.1")
@pytest.mark.parametrize("length", [0, 1, 42, 129, 10_000])
def test_a_verifier_has_43_to_128_characters(length: int) -> None:
    verifier = "a" * length
    assert not pkce.is_verifier(verifier)
    assert not pkce.matches(verifier, pkce.challenge_of(verifier))


@pytest.mark.requirement("RFC7636-4.1")
@pytest.mark.parametrize("character", [" ", "+", "/", "=", "\n", "\x00", "é", "%", "'"])
def test_a_verifier_has_only_unreserved_characters(character: str) -> None:
    verifier = "a" * 43 + character
    assert not pkce.is_verifier(verifier)
    assert not pkce.matches(verifier, pkce.challenge_of(verifier))


@pytest.mark.parametrize("length", [43, 128])
def test_the_shortest_and_the_longest_verifier_are_good(length: int) -> None:
    verifier = ("aZ09-._~" * 16)[:length]
    assert pkce.matches(verifier, pkce.challenge_of(verifier))
