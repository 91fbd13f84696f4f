"""What an operator does with the keys of a tenant (OpenID Connect Core, 10.1.1)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from valetkey.administration.refusal import ActRefused, refuse_faults
from valetkey.authorization_server.decision import (
    AddSigningKey,
    Changes,
    PromoteSigningKey,
    PutClient,
    PutResource,
    RemoveSigningKey,
    RetireSigningKey,
)
from valetkey.authorization_server.key_algorithms import client_key_faults, is_signature, resource_key_faults
from valetkey.authorization_server.key_rotation import promoted_at, removed_at
from valetkey.authorization_server.model import KeyState, SigningKey
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from valetkey.administration.views import View
    from valetkey.authorization_server.key_rotation import KeySchedule
    from valetkey.oauth.types import NumericDate, TenantId


class Timing(StrEnum):
    """When the next key takes over."""

    ANNOUNCED = "announced"
    """After it was published for long enough."""
    AT_ONCE = "at once"
    """Now: who keeps the published keys has to ask for them again."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation needs: keys that are still to be made, and those that wait already."""

    needed: tuple[str, ...]
    """Algorithms."""
    waiting: tuple[SigningKey, ...]

    def changes(self, made: Sequence[SigningKey], timing: Timing, now: NumericDate) -> Changes:
        """Return the changes, once a key was made for each needed algorithm; each is ANNOUNCED."""
        added = tuple(map(AddSigningKey, made))
        if timing is Timing.ANNOUNCED:
            return added
        return (*added, *(PromoteSigningKey(key.kid, now) for key in (*made, *self.waiting)))


@dataclass(frozen=True, slots=True)
class Revocation:
    """What the end of a key needs: `needed` is the algorithm of the key that takes its place, None without one."""

    key: SigningKey
    needed: str | None
    successor: SigningKey | None

    def changes(self, made: SigningKey | None, now: NumericDate) -> Changes:
        """Return the changes; `made` is an ACTIVE key of the needed algorithm."""
        removed = RemoveSigningKey(self.key.kid, self.key.state)
        if made is not None:
            return removed, AddSigningKey(made)
        return (removed,) if self.successor is None else (removed, PromoteSigningKey(self.successor.kid, now))


def rotation(keys: Sequence[SigningKey], asked: Collection[str], schedule: KeySchedule, timing: Timing) -> Rotation:
    """Return what replaces the keys of the algorithms that are `asked` for, of all without any.

    Raises ActRefused for one that is not configured, and where every next key is announced already.
    """
    unknown = sorted(set(asked) - set(schedule.algorithms))
    if unknown:
        raise ActRefused(
            f"{unknown[0]} is not among keys.algorithms, which are {', '.join(schedule.algorithms)}: add it there"
        )
    algorithms = [name for name in schedule.algorithms if not asked or name in asked]
    waiting = {key.algorithm: key for key in keys if key.state is KeyState.ANNOUNCED}
    needed = tuple(name for name in algorithms if name not in waiting)
    if not needed and timing is Timing.ANNOUNCED:
        raise ActRefused(
            f"the next key is announced already for {', '.join(algorithms)}: it takes over when everybody can know "
            "it, or now with --now"
        )
    return Rotation(needed, tuple(waiting[name] for name in algorithms if name in waiting))


def revocation(keys: Sequence[SigningKey], kid: str, schedule: KeySchedule) -> Revocation:
    """Return what takes a key away at once, and what takes its place; raises ActRefused for an unknown one."""
    key = held_key(keys, kid)
    if key.state is not KeyState.ACTIVE:
        return Revocation(key, None, None)
    rivals = (each for each in keys if each.algorithm == key.algorithm and each.state is KeyState.ANNOUNCED)
    successor = next(rivals, None)
    is_needed = successor is None and key.algorithm in schedule.algorithms
    return Revocation(key, key.algorithm if is_needed else None, successor)


def retirement(keys: Sequence[SigningKey], kid: str, schedule: KeySchedule, now: NumericDate) -> Changes:
    """Return what lets a key sign no more; raises ActRefused where it does not, or is to go on."""
    key = held_key(keys, kid)
    if key.state is not KeyState.ACTIVE:
        raise ActRefused(f"key {kid} is {key.state.value}: only an active one can be retired")
    if key.algorithm in schedule.algorithms:
        raise ActRefused(
            f"{key.algorithm} is among keys.algorithms: take it out there first, or rotate its key with "
            f"`valetkey key rotate --algorithm {key.algorithm}`"
        )
    return (RetireSigningKey(kid, now),)


def held_key(keys: Sequence[SigningKey], kid: str) -> SigningKey:
    """Return the key with this `kid`, or the only one whose `kid` begins so; raises ActRefused without one."""
    found = [key for key in keys if key.kid == kid] or [key for key in keys if kid and key.kid.startswith(kid)]
    if len(found) != 1:
        what = "there is no key" if not found else "there are several keys"
        raise ActRefused(f"{what} {kid}: see `valetkey key list`")
    return found[0]


def refuse_unsigned(changes: Changes, algorithms: Collection[str]) -> None:
    """Raise ActRefused where `changes` put in use what wants a signature for which there is no key."""
    for change in changes:
        match change:
            case PutClient(client) if not client.disabled:
                refuse_faults(client_key_faults(client, algorithms))
            case PutResource(resource) if not resource.disabled:
                refuse_faults(resource_key_faults(resource, algorithms))
            case _:
                pass


def key_view(key: SigningKey, schedule: KeySchedule, tenant_id: TenantId) -> View:
    """Return a key without its private part; times are seconds since the epoch.

    `due_at` is when it is promoted, replaced or removed, None where nothing is planned.
    """
    return {
        "kid": key.kid,
        "tenant": tenant_id,
        "algorithm": key.algorithm,
        "use": "sig" if is_signature(key.algorithm) else "enc",
        "state": key.state.value,
        "created_at": key.created_at,
        "activated_at": None if key.state is KeyState.ANNOUNCED else key.used_since,
        "retired_at": key.retired_at,
        "due_at": _due_at(key, schedule),
    }


def _due_at(key: SigningKey, schedule: KeySchedule) -> int | None:
    match key.state:
        case KeyState.ANNOUNCED:
            return promoted_at(key, schedule)
        case KeyState.RETIRED:
            return removed_at(key)
        case KeyState.ACTIVE:
            return key.used_since + schedule.rotation if schedule.rotation else None
