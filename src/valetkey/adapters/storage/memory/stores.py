"""The stores of one tenant in memory."""

from collections.abc import Callable, Sequence

from valetkey.adapters.storage.memory.state import WHOLE_SERVER, State
from valetkey.adapters.storage.memory.token_changes import stored
from valetkey.authorization_server.known_access_tokens import OpaqueAccessToken
from valetkey.authorization_server.model import (
    Browser,
    BrowserId,
    Client,
    Consent,
    EndUser,
    Generations,
    Interaction,
    Resource,
    Session,
    SigningKey,
    StoredAuthorization,
    StoredCode,
    StoredRefreshToken,
    StoredSession,
    Tenant,
    normalised_email,
    normalised_username,
)
from valetkey.authorization_server.rights import OPENID
from valetkey.jose.records import dataclass
from valetkey.oauth.types import (
    AuthorizationId,
    ClientId,
    NumericDate,
    SessionId,
    Subject,
    TenantId,
    TokenDigest,
)


@dataclass(frozen=True, slots=True)
class _OfTenant:
    _state: State
    _tenant: TenantId


class MemoryClients(_OfTenant):
    """`Clients` of one tenant."""

    __slots__ = ()

    async def find(self, client_id: ClientId) -> Client | None:
        """The client of that id."""
        return self._state.clients.get(self._tenant, client_id)

    async def list(self) -> Sequence[Client]:
        """All clients, by id."""
        return [client for _, client in sorted(self._state.clients.of(self._tenant), key=lambda row: row[0])]

    async def generations(self, client_id: ClientId) -> Generations:
        """The counters for a client acting for itself."""
        return self._state.current(self._tenant, client_id, None)


class MemoryResources(_OfTenant):
    """`Resources` of one tenant."""

    __slots__ = ()

    async def find(self, identifier: str) -> Resource | None:
        """The resource server of that identifier."""
        return self._state.resources.get(self._tenant, identifier)

    async def list(self) -> Sequence[Resource]:
        """All resource servers, by identifier."""
        rows = sorted(self._state.resources.of(self._tenant), key=lambda row: row[0])
        return [resource for _, resource in rows]


@dataclass(frozen=True, slots=True)
class MemoryTenants:
    """`Tenants`: the one store that belongs to no tenant."""

    _state: State

    async def find(self, name: str) -> Tenant | None:
        """The tenant of that name."""
        return self._state.tenants.get(WHOLE_SERVER, name)

    async def list(self) -> Sequence[Tenant]:
        """All tenants, by name."""
        return [tenant for _, tenant in sorted(self._state.tenants.of(WHOLE_SERVER), key=lambda row: row[0])]


class MemorySigningKeys(_OfTenant):
    """`SigningKeys` of one tenant."""

    __slots__ = ()

    async def list(self) -> Sequence[SigningKey]:
        """All signing keys, oldest first."""
        keys = [key for _, key in self._state.signing_keys.of(self._tenant)]
        return sorted(keys, key=lambda key: (key.created_at, key.kid))

    async def version(self) -> int:
        """The tenant's configuration version; 0 before the first change."""
        return self._state.configurations.get(self._tenant, "") or 0


class MemoryEndUsers(_OfTenant):
    """`EndUsers` of one tenant."""

    __slots__ = ()

    async def find(self, subject: Subject) -> EndUser | None:
        """The end-user of that subject."""
        return self._state.end_users.get(self._tenant, subject)

    async def find_by_email(self, normalised: str) -> Sequence[EndUser]:
        """Whoever has the address, two at most."""
        rows = sorted(self._state.end_users.of(self._tenant), key=lambda row: row[0])
        return [one for _, one in rows if one.email is not None and normalised_email(one.email) == normalised][:2]

    async def find_by_username(self, normalised: str) -> EndUser | None:
        """The end-user of that user name, normalised."""
        for _, end_user in self._state.end_users.of(self._tenant):
            if normalised_username(end_user.username) == normalised:
                return end_user
        return None

    async def generations(self, subject: Subject) -> Generations:
        """The counters for an end-user, without a client's."""
        return self._state.current(self._tenant, None, subject)

    async def list(self) -> Sequence[EndUser]:
        """All end-users, by subject."""
        rows = sorted(self._state.end_users.of(self._tenant), key=lambda row: row[0])
        return [end_user for _, end_user in rows]


class MemoryBrowsers(_OfTenant):
    """`Browsers` of one tenant."""

    __slots__ = ()

    async def find(self, handle_digest: TokenDigest) -> Browser | None:
        """The browser with that cookie handle."""
        for _, browser in self._state.browsers.of(self._tenant):
            if browser.handle_digest == handle_digest:
                return browser
        return None

    async def sessions(self, browser_id: BrowserId) -> Sequence[StoredSession]:
        """The sessions that have not ended, newest sign-in first."""
        return self._newest_first(lambda session: session.browser_id == browser_id)

    async def sessions_of(self, subject: Subject) -> Sequence[StoredSession]:
        """The sessions of an end-user that have not ended, newest sign-in first."""
        return self._newest_first(lambda session: session.subject == subject)

    async def session(self, sid: SessionId) -> StoredSession | None:
        """The session of that id, ended or not."""
        session = self._state.sessions.get(self._tenant, sid)
        return None if session is None else self._stored(session)

    async def timed_out(self, unseen_since: NumericDate, begun_by: NumericDate, limit: int) -> Sequence[SessionId]:
        """The sessions that have not ended, yet were last seen or begun so long ago."""
        return sorted(
            sid
            for sid, one in self._state.sessions.of(self._tenant)
            if one.ended_at is None and (one.last_seen_at <= unseen_since or one.created_at <= begun_by)
        )[:limit]

    async def has_known(self, browser_id: BrowserId, subject: Subject) -> bool:
        """Whether the end-user ever signed in with the browser."""
        known = self._state.known_browsers.of(self._tenant)
        return any(key == (browser_id, subject) for key, _ in known)

    def _newest_first(self, is_meant: Callable[[Session], bool]) -> Sequence[StoredSession]:
        sessions = [
            one for _, one in self._state.sessions.of(self._tenant) if one.ended_at is None and is_meant(one)
        ]
        sessions.sort(key=lambda one: (-one.authentication.auth_time, -one.created_at, one.sid))
        return [found for session in sessions if (found := self._stored(session)) is not None]

    def _stored(self, session: Session) -> StoredSession | None:
        end_user = self._state.end_users.get(self._tenant, session.subject)
        current = self._state.current(self._tenant, None, session.subject)
        return None if end_user is None else StoredSession(session, current, end_user)


class MemoryInteractions(_OfTenant):
    """`Interactions` of one tenant."""

    __slots__ = ()

    async def find(self, digest: TokenDigest) -> Interaction | None:
        """The interaction of that handle."""
        return self._state.interactions.get(self._tenant, digest)


class MemoryConsents(_OfTenant):
    """`Consents` of one tenant."""

    __slots__ = ()

    async def find(self, subject: Subject, client_id: ClientId) -> Consent | None:
        """What the end-user allowed the client; resources are sorted."""
        return self._state.consents.get(self._tenant, (subject, client_id))

    async def of(self, subject: Subject) -> Sequence[Consent]:
        """Everything that the end-user allowed, by client."""
        found = [consent for _, consent in self._state.consents.of(self._tenant) if consent.subject == subject]
        return sorted(found, key=lambda consent: consent.client_id)


class MemoryAuthorizations(_OfTenant):
    """`Authorizations` of one tenant."""

    __slots__ = ()

    async def find(self, authorization_id: AuthorizationId) -> StoredAuthorization | None:
        """The authorization of that id with the counters of now."""
        return stored(self._state, self._tenant, authorization_id)

    async def of(self, subject: Subject) -> Sequence[StoredAuthorization]:
        """The authorizations of the end-user that were not revoked, oldest first."""
        owned = [one for _, one in self._state.authorizations.of(self._tenant) if one.subject == subject]
        owned.sort(key=lambda one: (one.created_at, one.authorization_id))
        found = [stored(self._state, self._tenant, one.authorization_id) for one in owned if one.revoked_at is None]
        return [one for one in found if one is not None]

    async def current(self, client_id: ClientId, subject: Subject) -> Generations:
        """The counters of now."""
        return self._state.current(self._tenant, client_id, subject)

    async def signed_in_by(self, sid: SessionId, subject: Subject) -> Sequence[ClientId]:
        """The clients that a session of the end-user signed in by OpenID Connect, by name."""
        found = (one for _, one in self._state.authorizations.of(self._tenant))
        return sorted(
            {one.client_id for one in found if (one.sid, one.subject) == (sid, subject) and OPENID in one.scope}
        )


class MemoryCodes(_OfTenant):
    """`Codes` of one tenant."""

    __slots__ = ()

    async def find(self, digest: TokenDigest) -> StoredCode | None:
        """The code with its authorization."""
        code = self._state.codes.get(self._tenant, digest)
        found = None if code is None else stored(self._state, self._tenant, code.authorization_id)
        return None if code is None or found is None else StoredCode(code, found)


class MemoryRefreshTokens(_OfTenant):
    """`RefreshTokens` of one tenant."""

    __slots__ = ()

    async def find(self, digest: TokenDigest) -> StoredRefreshToken | None:
        """The refresh token with its authorization and end-user."""
        token = self._state.refresh_tokens.get(self._tenant, digest)
        found = None if token is None else stored(self._state, self._tenant, token.authorization_id)
        if token is None or found is None:
            return None
        end_user = self._state.end_users.get(self._tenant, found.authorization.subject)
        return StoredRefreshToken(token, found, end_user)


class MemoryAccessTokens(_OfTenant):
    """`AccessTokens` of one tenant."""

    __slots__ = ()

    async def find(self, digest: TokenDigest) -> OpaqueAccessToken | None:
        """What the opaque token stands for."""
        return self._state.access_tokens.get(self._tenant, digest)

    async def is_revoked(self, token_id_digest: TokenDigest) -> bool:
        """Whether the token was revoked by itself."""
        return self._state.revoked_tokens.get(self._tenant, token_id_digest) is not None


class MemoryReplayGuard(_OfTenant):
    """`ReplayGuard` of one tenant."""

    __slots__ = ()

    async def is_burned(self, scope: str, jti_digest: TokenDigest, now: NumericDate) -> bool:
        """Whether the identifier was used and has not expired."""
        burned_until = self._state.burned_jtis.get(self._tenant, (scope, jti_digest))
        return burned_until is not None and burned_until > now


class MemoryAttempts(_OfTenant):
    """`Attempts` of one tenant."""

    __slots__ = ()

    async def wait(self, key: str, interval: int, burst: int, now: NumericDate) -> int:
        """The seconds until another attempt is allowed."""
        full_at = max(self._state.attempts.get(self._tenant, key) or 0, now)
        return max(0, full_at + interval - burst * interval - now)
