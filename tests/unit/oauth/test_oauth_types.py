"""The strings that matter: parsed once, and secret where they are secret."""

import pytest

from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import Issuer, OpaqueToken, Scope, SecretDigest, SecretText


def test_a_scope_reads_the_same_in_any_order() -> None:
    assert str(Scope.parse("b a")) == str(Scope.parse("a b a")) == "a b"


# covers: AUT-12
@pytest.mark.requirement("RFC6749-3.3")
@pytest.mark.parametrize("text", [" ", "a  b", " a", "a ", 'a"b', "a\\b", "a\tb", "a\nb", "\u00e9", "a" * 257])
def test_a_malformed_scope_is_refused(text: str) -> None:
    with pytest.raises(OAuthError) as caught:
        Scope.parse(text)
    assert caught.value.code is ErrorCode.INVALID_SCOPE


# covers: AUT-12
def test_ten_thousand_scope_names_are_refused() -> None:
    with pytest.raises(OAuthError):
        Scope.parse(" ".join(f"s{number}" for number in range(10_000)))


@pytest.mark.parametrize(
    "text",
    [
        "", "as.example", "http://as.example", "https://as.example/", "https://as.example?x", "https://as.example#x",
        "https://user@as.example", "https:///x", "ftp://as.example", "https://as.example/t/",
    ],
)  # fmt: skip
def test_what_is_no_issuer_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        Issuer.parse(text)


def test_an_issuer_may_have_a_path_and_plain_http_on_loopback() -> None:
    assert Issuer.parse("https://as.example/t/blue").endpoint("/token") == "https://as.example/t/blue/token"
    assert Issuer.parse("http://localhost:8000").origin == "http://localhost:8000"


def test_secrets_are_never_printed_and_never_equal_by_accident() -> None:
    token = OpaqueToken.from_entropy("vk_rt_", bytes(32))
    secret = SecretText("hunter2hunter2")
    for text in (repr(token), str(token), repr(secret), str(secret), f"{token}{secret}"):
        assert "hunter2" not in text
        assert "AAAA" not in text
    assert token != OpaqueToken.presented(token.reveal())
    assert token.digest() == OpaqueToken.presented(token.reveal()).digest()


def test_a_stored_digest_knows_its_secret_only() -> None:
    stored = SecretDigest(SecretText("a" * 43).digest())
    assert stored.matches(SecretText("a" * 43))
    assert not stored.matches(SecretText("a" * 42 + "b"))
    assert not stored.matches(SecretText("\udc80"))
