"""The second factor of an end-user, a key for one-time codes (RFC 6238): what is kept of it, and its changes."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from valetkey.authorization_server.model import Authentication
from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, SecretText, SessionId, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class OneTimeCodeFactor:
    """A key that an end-user's device holds too; it counts once a code of the device has confirmed it."""

    factor_id: str
    subject: Subject
    sealed_key: bytes = field(repr=False)
    """Sealed under the key-encryption key, for this end-user and this `factor_id` alone."""
    created_at: NumericDate
    confirmed_at: NumericDate | None = None
    last_step: int = 0
    """The time step of the last code that was accepted: no code of it or of an earlier one is accepted again."""

    @property
    def is_confirmed(self) -> bool:
        """Whether the end-user has shown that their device holds the key."""
        return self.confirmed_at is not None


class SecondFactors(Protocol):
    """The port to the second factors of one tenant's end-users: one of each at most."""

    async def find(self, subject: Subject) -> OneTimeCodeFactor | None:
        """Return the end-user's factor, confirmed or not."""
        ...

    async def list(self) -> Sequence[OneTimeCodeFactor]:
        """Return all of them, by subject."""
        ...


class SealedFactorKeys(Protocol):
    """The keys of one-time codes: kept sealed under the key-encryption key, opened for one use."""

    def seal(self, subject: Subject, factor_id: str, key: SecretText) -> bytes:
        """Return the key, base32, sealed; it opens only for this end-user and this factor."""
        ...

    def open(self, factor: OneTimeCodeFactor) -> SecretText:
        """Return the key, base32; raises Unavailable when the key-encryption key does not open it."""
        ...


@dataclass(frozen=True, slots=True)
class BeginFactor:
    """Stores a factor that is to be confirmed, in place of one that never was.

    Wins while the end-user has no confirmed one.
    """

    factor: OneTimeCodeFactor


@dataclass(frozen=True, slots=True)
class ConfirmFactor:
    """Makes a begun factor count; wins once, while it is the one that was begun last."""

    subject: Subject
    factor_id: str
    step: int
    """The time step of the code that confirmed it: used up with this."""
    now: NumericDate


@dataclass(frozen=True, slots=True)
class UseOneTimeCode:
    """Uses up the code of a time step; wins while that of no later or equal one was used, and the factor counts."""

    subject: Subject
    factor_id: str
    step: int


@dataclass(frozen=True, slots=True)
class RemoveFactor:
    """Takes a factor away, confirmed or not; wins while the end-user has it."""

    subject: Subject
    factor_id: str


@dataclass(frozen=True, slots=True)
class StepUpSession:
    """Says that more was proven in a session.

    Wins while the session lives in all generations, its end-user is not disabled, and nothing newer was proven.
    What was granted before keeps what it says.
    """

    sid: SessionId
    authentication: Authentication
    now: NumericDate


SecondFactorChange = BeginFactor | ConfirmFactor | UseOneTimeCode | RemoveFactor | StepUpSession
