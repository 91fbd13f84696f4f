"""API keys: what is kept of one, whose it is, and the changes to it; each hangs off an authorization of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from valetkey.authorization_server.model import (
    Authentication,
    Authorization,
    Client,
    EndUser,
    Generations,
    StoredAuthorization,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.token_exchange import TokenType
from valetkey.oauth.types import (
    AuthorizationId,
    ClientId,
    NumericDate,
    OpaqueToken,
    Scope,
    Seconds,
    Subject,
    TokenDigest,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.authorization_server.fresh import Fresh

API_KEY_PREFIX: Final = "vk_ak_"
"""The prefix that leak scanners know."""
SHOWN: Final = len(API_KEY_PREFIX) + 6
"""Characters of a secret that lists show, so that its owner recognizes it: 36 bits of its 256."""
MOST_SECRETS: Final = 5
"""Secrets of one key that live at once: the newest, and those that are being replaced."""
KEPT: Final = Seconds(30 * 86_400)
"""For how long a key is listed once it has expired or was revoked."""
USE_NOTED_EVERY: Final = Seconds(60)
"""Between two notes that a key is used: asking about one costs no commit."""

_FAR: Final = NumericDate(253_402_300_799)
"""The end of the year 9999, where a date is needed for what has no end."""
_ID_PREFIX: Final = "ak_"


class OwnerKind(StrEnum):
    """Whom a key speaks for."""

    CLIENT = "client"
    END_USER = "end_user"


@dataclass(frozen=True, slots=True)
class ApiKeySecret:
    """One of the living secrets of a key: what it says is kept nowhere."""

    digest: TokenDigest = field(repr=False)
    prefix: str
    """Its first characters, as lists show them."""
    created_at: NumericDate
    expires_at: NumericDate | None = None
    """When it ends, once another was drawn; None: with its key."""

    def is_live(self, now: NumericDate) -> bool:
        """Say whether it is still accepted."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """By which request a key was asked for, so that its repetition makes no second one."""

    digest: TokenDigest = field(repr=False)
    """SHA-256 of who asked, with which Idempotency-Key."""
    content: TokenDigest = field(repr=False)
    """SHA-256 of what was asked."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key: `key_id` is also the id of its authorization, by which tokens that it was exchanged for name it."""

    key_id: str
    owner_kind: OwnerKind
    owner: str
    """A client_id, or the subject of an end-user."""
    name: str
    scope: Scope
    resources: tuple[str, ...]
    """The resource servers that it is good for, one at least; the first is meant by default."""
    created_at: NumericDate
    expires_at: NumericDate | None
    """None: it has no end."""
    secrets: tuple[ApiKeySecret, ...]
    """Newest first."""
    limit: str | None = None
    """Its own rate limit, such as `100/1m`; whoever guards an API applies it."""
    last_used_at: NumericDate | None = None
    """Exact to a minute; None: never used."""
    version: int = 1
    """Counts changes: a change wins only on the version that it read. Using a key is none."""
    kept_until: NumericDate = _FAR
    """When it is forgotten."""
    request: KeyRequest | None = None

    @property
    def client_id(self) -> ClientId:
        """The client that acts by it: its owner, or the key itself where no client is involved."""
        return ClientId(self.owner if self.owner_kind is OwnerKind.CLIENT else self.key_id)

    @property
    def authorization_id(self) -> AuthorizationId:
        """The id of the authorization that it hangs off."""
        return AuthorizationId(self.key_id)

    def authorization(self, generations: Generations) -> Authorization:
        """Return the authorization that is granted with it, stamped with the counters of now."""
        return Authorization(
            self.authorization_id,
            self.client_id,
            Subject(self.owner),
            self.scope,
            self.resources,
            Authentication(NumericDate(0), "", ()),
            generations,
            self.created_at,
            # When the row may go: until when the key is good, it says itself.
            self.kept_until,
            sid=None,
            bound_to_session=False,
        )


@dataclass(frozen=True, slots=True)
class StoredApiKey:
    """A key with the authorization that it hangs off, and the counters of now."""

    key: ApiKey
    stored: StoredAuthorization


@dataclass(frozen=True, slots=True)
class ApiKeyIssue:
    """A short access token that the client `by` got for a key: it speaks for its owner, and dies with the key."""

    key: ApiKey
    stored: StoredAuthorization
    acting: Client
    """Who acts by the key, and `end_user` whom it belongs to where that is no client."""
    end_user: EndUser | None
    scope: Scope
    resources: tuple[str, ...]
    by: ClientId
    generations: Generations
    """The counters of now of the client `by`: the token dies with it too."""
    claims: Mapping[str, object]
    """What tells of the key, and who acts."""
    expires_at: NumericDate
    token_type: TokenType
    changes: tuple[NoteApiKeyUse, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiKeyQuestion:
    """Which keys are asked for, the oldest first: at most `limit`, those after `after` (created_at, key_id)."""

    limit: int
    after: tuple[NumericDate, str] = (NumericDate(0), "")
    owner: str | None = None


class ApiKeys(Protocol):
    """The API keys of one tenant."""

    async def find(self, key_id: str) -> StoredApiKey | None:
        """Return the key of that id."""
        ...

    async def find_by_secret(self, digest: TokenDigest) -> StoredApiKey | None:
        """Return the key of which this is the digest of a secret, living or not."""
        ...

    async def find_by_request(self, digest: TokenDigest) -> StoredApiKey | None:
        """Return the key that a request with this `KeyRequest.digest` made."""
        ...

    async def page(self, asked: ApiKeyQuestion) -> Sequence[StoredApiKey]:
        """Return the keys that were asked for."""
        ...


def draw_key_secret(fresh: Fresh) -> tuple[ApiKeySecret, OpaqueToken]:
    """Return a new secret as it is kept, and as it is shown once: 32 random bytes behind the prefix."""
    token = fresh.token(API_KEY_PREFIX)
    return ApiKeySecret(token.digest(), token.reveal()[:SHOWN], fresh.now), token


def draw_key_id(fresh: Fresh) -> str:
    """Return a new id; it never begins with a hyphen, which a command line would take for an option."""
    return _ID_PREFIX + fresh.identifier("api key")


def kept_until(expires_at: NumericDate | None) -> NumericDate:
    """Return until when a key with this end is listed."""
    return _FAR if expires_at is None else NumericDate(expires_at + KEPT)


def is_api_key(presented: str) -> bool:
    """Say whether a text looks like an API key: nothing is known of it yet."""
    return presented.startswith(API_KEY_PREFIX)


# --- changes -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddApiKey:
    """Stores a key and its authorization.

    Wins while its id and its request are new, and its generations the current ones.
    """

    key: ApiKey
    generations: Generations


@dataclass(frozen=True, slots=True)
class RotateApiKey:
    """Adds a secret to a key; those before it end at `others_end_at` at the latest.

    Wins while the key has the version, is not revoked nor expired, and its generations are the current ones.
    """

    key_id: str
    version: int
    secret: ApiKeySecret
    others_end_at: NumericDate
    now: NumericDate


@dataclass(frozen=True, slots=True)
class ChangeApiKey:
    """Puts `after` in the place of `before`: its name, rights, end and limit.

    Wins while the key has the version of `before`, is not revoked, and its generations are the current ones.
    """

    before: ApiKey
    after: ApiKey


@dataclass(frozen=True, slots=True)
class RevokeApiKey:
    """Ends a key for good, and with it every token that it was exchanged for; idempotent."""

    key_id: str
    now: NumericDate


@dataclass(frozen=True, slots=True)
class NoteApiKeyUse:
    """Notes that a key is used, once in `USE_NOTED_EVERY` seconds at most; idempotent."""

    key_id: str
    now: NumericDate


ApiKeyChange = AddApiKey | RotateApiKey | ChangeApiKey | RevokeApiKey | NoteApiKeyUse
