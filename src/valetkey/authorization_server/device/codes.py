"""Device codes (RFC 8628, 3.2): what a device waits with, and the changes that an answer and a poll make."""

from __future__ import annotations

from valetkey.authorization_server.model import ConsentAnswer, Generations, StoredAuthorization
from valetkey.jose.records import dataclass
from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, Scope, Seconds, Subject, TokenDigest


@dataclass(frozen=True, slots=True)
class Polling:
    """How a device polls: the seconds it has to wait between two polls, and when it came last."""

    interval: Seconds
    polled_at: NumericDate | None = None


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A device authorization request, kept until it expires so that a second use is recognised."""

    digest: TokenDigest
    user_code_digest: TokenDigest
    """SHA-256 of the user code in its normal form."""
    client_id: ClientId
    scope: Scope
    resources: tuple[str, ...]
    generations: Generations
    """`subject` is always 0: nobody has answered yet when it is stamped."""
    created_at: NumericDate
    expires_at: NumericDate
    polling: Polling
    answer: ConsentAnswer | None = None
    authorization_id: AuthorizationId | None = None
    """What was granted, once the answer is ALLOWED."""
    redeemed_at: NumericDate | None = None


@dataclass(frozen=True, slots=True)
class StoredDeviceCode:
    """A device code with the counters of now, and with the authorization that was granted for it."""

    code: DeviceCode
    current: Generations
    stored: StoredAuthorization | None

    def is_pending(self, now: NumericDate) -> bool:
        """Say whether an end-user may still answer; the same rule stands in the statements of the stores."""
        code = self.code
        return code.answer is None and now < code.expires_at and not code.generations.is_older_than(self.current)


@dataclass(frozen=True, slots=True)
class AddDeviceCode:
    """Stores a device code; wins while neither of its codes is taken."""

    code: DeviceCode


@dataclass(frozen=True, slots=True)
class ApproveDeviceCode:
    """Notes that an end-user allowed it; `authorization_id` is granted in the same commit.

    Wins while nobody answered, it has not expired, and its generations are the current ones.
    """

    digest: TokenDigest
    authorization_id: AuthorizationId
    now: NumericDate


@dataclass(frozen=True, slots=True)
class DenyDeviceCode:
    """Notes that an end-user denied it; wins while nobody answered and it has not expired."""

    digest: TokenDigest
    now: NumericDate
    subject: Subject | None = None
    """Who denied it, and to whom: for the audit trail."""
    client_id: ClientId | None = None


@dataclass(frozen=True, slots=True)
class RecordPoll:
    """Moves the polling from `before` to `after`; wins while it stands at `before` and nobody answered.

    Of two polls at one moment the second is judged again, by what the first one left.
    """

    digest: TokenDigest
    before: Polling
    after: Polling


@dataclass(frozen=True, slots=True)
class RedeemDeviceCode:
    """Wins while it is allowed, unredeemed, unexpired, and its authorization alive in all generations."""

    digest: TokenDigest
    now: NumericDate


DeviceChange = AddDeviceCode | ApproveDeviceCode | DenyDeviceCode | RecordPoll | RedeemDeviceCode
