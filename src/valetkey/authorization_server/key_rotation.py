"""When a tenant's keys are made, used, retired and removed (OpenID Connect Core, 10.1.1 and 10.2.1): pure rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.key_algorithms import DEFAULT_ALGORITHMS, is_signature
from valetkey.authorization_server.key_changes import (
    KeyStep,
    PromoteSigningKey,
    RemoveSigningKey,
    RetireSigningKey,
)
from valetkey.authorization_server.model import KeyState
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.registration import LONGEST_ACCESS_TOKEN
from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, Seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from valetkey.authorization_server.model import SigningKey

JWKS_LIFETIME: Final = Seconds(300)
"""For how long the published keys may be kept, where they are announced early enough."""
_SKEW: Final = 60
PUBLISHED_AFTER: Final = Seconds(
    # An ID Token comes back as a hint long after it expired, while its session lives; nothing lives longer.
    max(
        LONGEST_ACCESS_TOKEN,
        *(policy.session_lifetime for policy in PROFILES.values()),
        *(policy.id_token_lifetime for policy in PROFILES.values()),
    )
    + _SKEW
)
"""How long a retired key is kept: until the last that it signed has no use any more."""
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class KeySchedule:
    """Which keys a tenant has, and when each is replaced."""

    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    rotation: Seconds = Seconds(90 * _DAY)
    """How long a key is used; 0 leaves that to `valetkey key rotate`."""
    announce: Seconds = Seconds(_DAY)
    """How long a signing key is published before it signs."""

    @property
    def jwks_lifetime(self) -> Seconds:
        """For how long the published keys may be kept: whoever does so reads a key twice before it signs."""
        return Seconds(min(JWKS_LIFETIME, self.announce // 2))

    def notice(self, algorithm: str) -> Seconds:
        """Return how long a key of `algorithm` is announced: one that others encrypt to is not, they choose it."""
        return self.announce if is_signature(algorithm) else Seconds(0)

    def is_due(self, key: SigningKey, now: NumericDate) -> bool:
        """Say whether the successor of an active key is to be announced."""
        return bool(self.rotation) and now >= key.used_since + self.rotation - self.notice(key.algorithm)


@dataclass(frozen=True, slots=True)
class NeededKey:
    """A key that is to be made."""

    algorithm: str
    state: KeyState


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """What is to be done now: each change stands for itself, and of several nodes one wins it."""

    needed: tuple[NeededKey, ...]
    changes: tuple[KeyStep, ...]


def plan(keys: Sequence[SigningKey], schedule: KeySchedule, now: NumericDate) -> KeyPlan:
    """Return the steps that are due: the first keys, announcements, promotions, retirements and removals.

    A key that is announced is promoted when it was announced for long enough, whoever announced it; at once where
    its algorithm has no active one. An algorithm that is no longer configured ends with its key's time.
    """
    active = {key.algorithm: key for key in keys if key.state is KeyState.ACTIVE}
    announced = {key.algorithm: key for key in keys if key.state is KeyState.ANNOUNCED}
    needed = []
    for algorithm in schedule.algorithms:
        if algorithm in announced:
            continue
        if algorithm not in active:
            needed.append(NeededKey(algorithm, KeyState.ACTIVE))
        elif schedule.is_due(active[algorithm], now):
            needed.append(NeededKey(algorithm, KeyState.ANNOUNCED))
    return KeyPlan(tuple(needed), tuple(_changes(keys, active, schedule, now)))


def promoted_at(key: SigningKey, schedule: KeySchedule) -> NumericDate:
    """Return when an announced key begins to be used."""
    return NumericDate(key.created_at + schedule.notice(key.algorithm))


def removed_at(key: SigningKey) -> NumericDate:
    """Return when a retired key is removed."""
    return NumericDate((key.created_at if key.retired_at is None else key.retired_at) + PUBLISHED_AFTER)


def _changes(
    keys: Sequence[SigningKey], active: dict[str, SigningKey], schedule: KeySchedule, now: NumericDate
) -> Iterator[KeyStep]:
    for key in keys:
        is_configured = key.algorithm in schedule.algorithms
        match key.state:
            case KeyState.ANNOUNCED if not is_configured:
                yield RemoveSigningKey(key.kid, KeyState.ANNOUNCED)
            case KeyState.ANNOUNCED if key.algorithm not in active or now >= promoted_at(key, schedule):
                # OIDCC-10.2.1/coordinated
                yield PromoteSigningKey(key.kid, now)
            case KeyState.ACTIVE if not is_configured and schedule.is_due(key, now):
                yield RetireSigningKey(key.kid, now)
            case KeyState.RETIRED if now >= removed_at(key):
                yield RemoveSigningKey(key.kid, KeyState.RETIRED)  # OIDCC-10.1.1/retain
            case _:
                pass
