"""What was found out about a request before it is judged: what it presents, what became of that, its limits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from valetkey.oauth.access_token import AccessToken
from valetkey.resource_server.limits import Verdict as LimitVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.resource_server.limits import Spent


@dataclass(frozen=True, slots=True)
class NoCredentials:
    """The request presents nothing that this API takes."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It presents something in a way that cannot be read; `reason` is fixed text."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """What it presents is not good; `reason` is fixed text."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Whether it is good cannot be said now, by no fault of the client; `reason` is fixed text."""

    reason: str


Presented = AccessToken | NoCredentials | Unreadable | Rejected | Undecided


class Standing(StrEnum):
    """What is known of the revocation of a token whose signature was verified."""

    LIVING = "living"
    REVOKED = "revoked"
    STALE = "stale"
    """Nothing newer is known than what the rule allows to be believed still."""
    UNKNOWN = "unknown"
    UNNAMEABLE = "unnameable"
    """It names a status that can never be looked up."""


class Facts(msgspec.Struct, frozen=True):
    """Everything that a rule is held against; `now` is in seconds since the epoch."""

    presented: Presented
    now: int
    standing: Standing = Standing.LIVING
    limits: LimitVerdict = LimitVerdict.WITHIN
    """What the limiter said of all limits of the request together."""
    spent: Sequence[Spent] = ()
