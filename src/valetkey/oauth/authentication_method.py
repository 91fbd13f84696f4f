"""How a client may authenticate: the registered names, and what a request may use (RFC 7591, 2)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from valetkey.jose.algorithms import SIGNATURE_ALGORITHMS


class AuthenticationMethod(StrEnum):
    """`token_endpoint_auth_method` of a client (RFC 7591, 2)."""

    NONE = "none"
    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a registered name
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105 - a registered name
    CLIENT_SECRET_BASIC_OR_POST = "client_secret_basic_or_post"  # noqa: S105 - ours: either way, one a request
    CLIENT_SECRET_JWT = "client_secret_jwt"  # noqa: S105 - a registered name
    PRIVATE_KEY_JWT = "private_key_jwt"

    @property
    def ways(self) -> frozenset[AuthenticationMethod]:
        """The methods that a request of a client registered so may use."""
        either = frozenset({AuthenticationMethod.CLIENT_SECRET_BASIC, AuthenticationMethod.CLIENT_SECRET_POST})
        return either if self is AuthenticationMethod.CLIENT_SECRET_BASIC_OR_POST else frozenset({self})

    @property
    def needs_secret(self) -> bool:
        """Whether a client registered so has secrets."""
        return self in _WITH_SECRET


_WITH_SECRET = frozenset(
    {
        AuthenticationMethod.CLIENT_SECRET_BASIC,
        AuthenticationMethod.CLIENT_SECRET_POST,
        AuthenticationMethod.CLIENT_SECRET_BASIC_OR_POST,
        AuthenticationMethod.CLIENT_SECRET_JWT,
    }
)

ALGORITHMS_OF: Final = {
    AuthenticationMethod.PRIVATE_KEY_JWT: tuple(
        row.name for row in SIGNATURE_ALGORITHMS.values() if not row.is_symmetric
    ),
    AuthenticationMethod.CLIENT_SECRET_JWT: tuple(
        row.name for row in SIGNATURE_ALGORITHMS.values() if row.is_symmetric
    ),
}
"""The algorithms of each method: a key of one family never verifies what the other signed (RFC 8725, 3.1)."""
