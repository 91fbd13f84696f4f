"""What is done with API keys, at the command line and by admin calls: each act judges, and returns the Changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.administration.refusal import ActRefused, refuse_faults
from valetkey.authorization_server.api_key import (
    MOST_SECRETS,
    AddApiKey,
    ApiKey,
    ChangeApiKey,
    KeyRequest,
    OwnerKind,
    RevokeApiKey,
    RotateApiKey,
    StoredApiKey,
    draw_key_id,
    draw_key_secret,
    kept_until,
)
from valetkey.authorization_server.decision import Changes
from valetkey.authorization_server.fault import Fault
from valetkey.authorization_server.model import Client, EndUser, Generations, Standing
from valetkey.authorization_server.rights import END_USER_SCOPES
from valetkey.jose.records import dataclass
from valetkey.oauth.types import ClientId, NumericDate, OpaqueToken, Scope, Seconds, Subject
from valetkey.resource_server.limits import LimitBy, RateLimit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from valetkey.administration.views import View
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Resource
    from valetkey.authorization_server.ports import Stores

DEFAULT_OVERLAP: Final = Seconds(86_400)
"""For how long the secrets before a new one stay good, unless something else is said."""
LONGEST_OVERLAP: Final = Seconds(90 * 86_400)
LONGEST_NAME: Final = 200
LATEST_END: Final = NumericDate(253_402_300_799)
"""The end of the year 9999."""
MOST_RESOURCES: Final = 20


@dataclass(frozen=True, slots=True)
class ApiKeyFields:
    """What may be said of a key; None leaves it as it is."""

    name: str | None = None
    scope: Scope | None = None
    resources: tuple[str, ...] | None = None
    expires_at: NumericDate | None = None
    """0: it has no end."""
    limit: str | None = None
    """An empty text: none of its own."""


@dataclass(frozen=True, slots=True)
class ApiKeyOwner:
    """Whose key it is to be, with the counters of now that it is stamped with."""

    who: Client | EndUser
    generations: Generations

    @property
    def name(self) -> str:
        """Its client_id or its subject."""
        return self.who.client_id if isinstance(self.who, Client) else self.who.subject


@dataclass(frozen=True, slots=True)
class ApiKeyAct:
    """What becomes of a key, the secret that was drawn for it, and the changes to commit."""

    key: ApiKey
    secret: OpaqueToken | None
    changes: Changes


async def load_owner(stores: Stores, kind: OwnerKind, name: str) -> ApiKeyOwner | None:
    """Read whose key it is to be; `name` is a client_id or the subject of an end-user."""
    if kind is OwnerKind.CLIENT:
        client = await stores.clients.find(ClientId(name))
        stamp = await stores.authorizations.current(ClientId(name), Subject(name))
        return None if client is None else ApiKeyOwner(client, stamp)
    end_user = await stores.end_users.find(Subject(name))
    return None if end_user is None else ApiKeyOwner(end_user, await stores.end_users.generations(Subject(name)))


def add_api_key(
    fields: ApiKeyFields,
    owner: ApiKeyOwner,
    catalogue: Sequence[Resource],
    fresh: Fresh,
    request: KeyRequest | None = None,
) -> ApiKeyAct:
    """Draw a key; raises ActRefused with a line for each fault."""
    is_client = isinstance(owner.who, Client)
    secret, shown = draw_key_secret(fresh)
    bare = ApiKey(
        key_id=draw_key_id(fresh),
        owner_kind=OwnerKind.CLIENT if is_client else OwnerKind.END_USER,
        owner=owner.name,
        name="",
        scope=Scope(),
        resources=(),
        created_at=fresh.now,
        expires_at=None,
        secrets=(secret,),
        request=request,
    )
    key = _with(bare, fields)
    refuse_faults(_faults(key, owner.who, catalogue, fresh.now))
    return ApiKeyAct(key, shown, (AddApiKey(key, owner.generations),))


def rotate_api_key(found: StoredApiKey, overlap: Seconds, fresh: Fresh) -> ApiKeyAct:
    """Draw a new secret; those before it end in `overlap` seconds, at once with 0. Raises ActRefused."""
    key = found.key
    _refuse_unless_living(found, fresh.now)
    alive = [each for each in key.secrets if each.is_live(fresh.now)]
    if overlap and len(alive) >= MOST_SECRETS:
        raise ActRefused(
            f"API key {key.key_id} has {len(alive)} secrets that are still good: wait until one has ended, "
            "or end all others at once with an overlap of 0"
        )
    secret, shown = draw_key_secret(fresh)
    end = NumericDate(fresh.now + overlap)
    others = tuple(
        replace(each, expires_at=end if each.expires_at is None else NumericDate(min(each.expires_at, end)))
        for each in key.secrets
    )
    rotated = replace(key, secrets=(secret, *others), version=key.version + 1)
    return ApiKeyAct(rotated, shown, (RotateApiKey(key.key_id, key.version, secret, end, fresh.now),))


def change_api_key(
    found: StoredApiKey,
    fields: ApiKeyFields,
    owner: Client | EndUser,
    catalogue: Sequence[Resource],
    now: NumericDate,
) -> ApiKeyAct:
    """Change what is said of a key that may be used; raises ActRefused with a line for each fault."""
    _refuse_unless_living(found, now)
    changed = _with(found.key, fields)
    refuse_faults(_faults(changed, owner, catalogue, now))
    if changed == found.key:
        return ApiKeyAct(changed, None, ())
    return ApiKeyAct(replace(changed, version=changed.version + 1), None, (ChangeApiKey(found.key, changed),))


def revoke_api_key(found: StoredApiKey, now: NumericDate) -> ApiKeyAct:
    """End a key for good, and with it the tokens that it was exchanged for; once is enough."""
    is_over = found.stored.authorization.revoked_at is not None
    return ApiKeyAct(found.key, None, () if is_over else (RevokeApiKey(found.key.key_id, now),))


def api_key_view(found: StoredApiKey, now: NumericDate) -> View:
    """Return a key without what its secrets say; times are seconds since the epoch."""
    key = found.key
    return {
        "key_id": key.key_id,
        "name": key.name,
        "owner_kind": key.owner_kind.value,
        "owner": key.owner,
        "resources": list(key.resources),
        "scope": str(key.scope),
        "limit": key.limit,
        "status": status_of(found, now),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": found.stored.authorization.revoked_at,
        "last_used_at": key.last_used_at,
        "secrets": [
            {"prefix": each.prefix, "created_at": each.created_at, "expires_at": each.expires_at}
            for each in key.secrets
            if each.is_live(now)
        ],
        "version": key.version,
    }


def status_of(found: StoredApiKey, now: NumericDate) -> str:
    """Say where a key stands: `active`, `expired`, `revoked`, or `superseded` by what happened to its owner."""
    standing = found.stored.standing(now)
    if standing is not Standing.ALIVE:
        return standing.value
    is_over = found.key.expires_at is not None and now >= found.key.expires_at
    return Standing.EXPIRED.value if is_over else "active"


def _refuse_unless_living(found: StoredApiKey, now: NumericDate) -> None:
    status, key_id = status_of(found, now), found.key.key_id
    if status == "superseded":
        raise ActRefused(
            f"API key {key_id} is dead: its owner was disabled, signed out everywhere or got another password "
            "since it was added; add another one"
        )
    if status != "active":
        raise ActRefused(f"API key {key_id} is {status}: add another one")


def _with(key: ApiKey, fields: ApiKeyFields) -> ApiKey:
    end = key.expires_at if fields.expires_at is None else (fields.expires_at or None)
    return replace(
        key,
        name=key.name if fields.name is None else fields.name.strip(),
        scope=key.scope if fields.scope is None else fields.scope,
        resources=key.resources if fields.resources is None else tuple(dict.fromkeys(fields.resources)),
        expires_at=end,
        kept_until=kept_until(end),
        limit=key.limit if fields.limit is None else (fields.limit or None),
    )


def _faults(
    key: ApiKey, owner: Client | EndUser, catalogue: Sequence[Resource], now: NumericDate
) -> Iterator[Fault]:
    if not key.name or len(key.name) > LONGEST_NAME or not key.name.isprintable():
        yield Fault("name", f"expected 1 to {LONGEST_NAME} printable characters that say what the key is for")
    if key.expires_at is not None and not now < key.expires_at <= LATEST_END:
        yield Fault("expires_at", "the end lies in the past, or too far away")
    if owner.disabled:
        yield Fault("owner", f"{key.owner_kind.value.replace('_', '-')} {key.owner} is disabled")
    if key.limit is not None:
        yield from _limit_faults(key.limit)
    yield from _rights_faults(key, owner, catalogue)


def _limit_faults(limit: str) -> Iterator[Fault]:
    try:
        RateLimit.parse("api-key", limit, by=frozenset({LimitBy.API_KEY}))
    except ValueError:
        yield Fault("limit", f"expected a number and a time such as 100/1m, 5/s or 1000/1d, found {limit[:50]!r}")


def _rights_faults(key: ApiKey, owner: Client | EndUser, catalogue: Sequence[Resource]) -> Iterator[Fault]:
    known = {one.identifier: one for one in catalogue if not one.disabled}
    if not key.resources:
        yield Fault("resources", "name the resource server that the key is for: see `valetkey resource list`")
    if len(key.resources) > MOST_RESOURCES:
        yield Fault("resources", f"a key is for {MOST_RESOURCES} resource servers at most")
        return
    for identifier in key.resources:
        if identifier not in known:
            yield Fault("resources", f"there is no resource {identifier[:200]}: see `valetkey resource list`")
        elif isinstance(owner, Client) and owner.resources and identifier not in owner.resources:
            yield Fault("resources", f"client {owner.client_id} may not name {identifier}")
    defined = frozenset[str]().union(*(known[one].scopes for one in key.resources if one in known))
    unknown = sorted(key.scope - (defined - END_USER_SCOPES))
    if unknown:
        has = " ".join(sorted(defined - END_USER_SCOPES)) or "no scope"
        yield Fault("scope", f"the resource servers of the key define {has}, not {unknown[0]}")
    if isinstance(owner, Client):
        excess = sorted(key.scope - owner.scope - set(unknown))
        if excess:
            yield Fault("scope", f"client {owner.client_id} may not ask for {excess[0]}")
