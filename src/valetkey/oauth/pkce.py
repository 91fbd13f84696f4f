"""Proof Key for Code Exchange (RFC 7636): a request's challenge and the verifier that answers it; S256 only."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from typing import Final, TypeGuard

from valetkey.oauth.errors import ErrorCode, OAuthError

METHODS: Final = ("S256",)
"""`code_challenge_methods_supported`: plain would put the verifier itself into the request (RFC 9700, 2.1.1)."""

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC7636-4.1


def parse_challenge(challenge: str | None, method: str | None) -> str | None:
    """Return the S256 challenge of an authorization request, or None when it carries neither parameter.

    An absent method means plain (RFC 7636, 4.3), which is refused; raises OAuthError `invalid_request`.
    """
    if challenge is None:
        if method is not None:
            raise _refusal("The code_challenge_method came without a code_challenge.", "RFC7636-4.3")
        return None
    if method not in METHODS:
        raise _refusal("The code_challenge_method must be S256.", "RFC7636-4.4.1/method")
    if not _CHALLENGE.fullmatch(challenge):
        raise _refusal("The code_challenge is not the base64url of a SHA-256.", "RFC7636-4.2")
    return challenge


def is_verifier(text: str | None) -> TypeGuard[str]:
    """Say whether `text` has the grammar of a code verifier: 43 to 128 unreserved characters (RFC 7636, 4.1)."""
    return text is not None and _VERIFIER.fullmatch(text) is not None


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of `verifier` (RFC 7636, 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def matches(verifier: str, challenge: str) -> bool:
    """Say in constant time whether a well-formed `verifier` answers the stored `challenge` (RFC 7636, 4.6)."""
    return is_verifier(verifier) and hmac.compare_digest(challenge_of(verifier), challenge)


def _refusal(description: str, requirement: str) -> OAuthError:
    return OAuthError(ErrorCode.INVALID_REQUEST, description, requirement)
