"""Tokens that are kept: when they are renewed, and the document that a TokenStore holds of them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.client.errors import SignInNeeded, StoreFailed
from valetkey.jose.records import dataclass
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from valetkey.client.exchange import TokenResponse
    from valetkey.client.flow import Moment

MARGIN_SECONDS: Final = 30
"""How long before its end a token is renewed, at most: less for one that lives less than 150 seconds."""
_MARGIN_PART: Final = 5
_JITTER_PART: Final = 10
FORMAT: Final = "valetkey-tokens-1"


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What a client holds. `expires_at` and `renew_at` are seconds since the epoch, None where nobody knows.

    Renewal comes before the end by a margin, and by up to a tenth of the lifetime more, drawn for each token: a
    fleet of programs that started together does not ask together.
    """

    access_token: str = field(repr=False)
    expires_at: int | None
    renew_at: int | None
    scope: Scope
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)

    @classmethod
    def received(cls, tokens: TokenResponse, asked: Moment) -> TokenSet:
        """Return what an answer issued to a question of that moment."""
        expires_at = renew_at = None
        if tokens.expires_in is not None:
            lifetime = tokens.expires_in
            expires_at = asked.now + lifetime
            jitter = int.from_bytes(asked.entropy[-4:], "big") % (lifetime // _JITTER_PART + 1)
            renew_at = expires_at - min(MARGIN_SECONDS, lifetime // _MARGIN_PART) - jitter
        return cls(tokens.access_token, expires_at, renew_at, tokens.scope, tokens.refresh_token, tokens.id_token)

    def renewed_by(self, newer: TokenSet) -> TokenSet:
        """Return the tokens after a refresh: what it did not bring stays; the ID Token is that of the sign-in."""
        return replace(newer, refresh_token=newer.refresh_token or self.refresh_token, id_token=self.id_token)

    def is_fresh(self, now: int) -> bool:
        """Say whether the access token is good for a while."""
        return self.renew_at is None or now < self.renew_at

    def is_alive(self, now: int) -> bool:
        """Say whether the access token has not expired."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Kept:
    """The document of a store: whose tokens, and until when one of the programs is busy renewing them.

    `revision` differs in every document, so that comparing two documents compares what happened.
    """

    issuer: str
    client_id: str
    revision: str
    tokens: TokenSet | None
    renewing_until: int = 0

    @classmethod
    def parse(cls, document: bytes | None, issuer: str, client_id: str) -> Kept:
        """Read a document; raises SignInNeeded where there is none, StoreFailed for one of another client."""
        if document is None:
            raise SignInNeeded("Nobody has signed in yet.")
        try:
            found = msgspec.json.decode(document, type=_Document)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise StoreFailed("The store holds no tokens that this version can read.") from None
        if (found.format, found.issuer, found.client_id) != (FORMAT, issuer, client_id):
            # A refresh token never goes to another server than the one that issued it.
            raise StoreFailed("The store holds tokens of another issuer, client or version.")
        tokens = None if found.tokens is None else found.tokens.as_token_set()
        return cls(issuer, client_id, found.revision, tokens, found.renewing_until)

    def document(self) -> bytes:
        """Write the document."""
        tokens = None if self.tokens is None else _Tokens.of(self.tokens)
        return msgspec.json.encode(
            _Document(FORMAT, self.issuer, self.client_id, self.revision, tokens, self.renewing_until)
        )

    def with_tokens(self, tokens: TokenSet | None, moment: Moment) -> Kept:
        """Return the next revision, with these tokens and nobody renewing."""
        return replace(self, tokens=tokens, renewing_until=0, revision=revision_of(moment))

    def claimed(self, until: int, moment: Moment) -> Kept:
        """Return the next revision, which says that one program renews the tokens."""
        return replace(self, renewing_until=until, revision=revision_of(moment))


def revision_of(moment: Moment) -> str:
    """Return a name that no other revision has."""
    return urlsafe_b64encode(moment.entropy[:12]).decode()


class _Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    access_token: str
    expires_at: int | None
    renew_at: int | None
    scope: list[str]
    refresh_token: str | None
    id_token: str | None

    @classmethod
    def of(cls, tokens: TokenSet) -> _Tokens:
        return cls(
            tokens.access_token,
            tokens.expires_at,
            tokens.renew_at,
            sorted(tokens.scope),
            tokens.refresh_token,
            tokens.id_token,
        )

    def as_token_set(self) -> TokenSet:
        return TokenSet(
            self.access_token,
            self.expires_at,
            self.renew_at,
            Scope.of(self.scope),
            self.refresh_token,
            self.id_token,
        )


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    issuer: str
    client_id: str
    revision: str
    tokens: _Tokens | None
    renewing_until: int
