"""Views of who one is and how that is proven: accounts, one-time codes, the second factor."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from valetkey.authorization_server.form_target import FormTarget
from valetkey.jose.records import dataclass


@dataclass(frozen=True, slots=True)
class ChoosableAccount:
    """One account that is signed in in this browser."""

    choice: str = field(repr=False)
    """What the form sends for it."""
    username: str
    name: str | None
    signed_in_at: int
    """NumericDate of the last time that it was proven who they are."""


@dataclass(frozen=True, slots=True)
class SelectAccountPage:
    """Asks with which account somebody goes on."""

    form: FormTarget
    client_name: str
    redirect_host: str
    accounts: tuple[ChoosableAccount, ...]
    now: int
    """NumericDate, from which the page counts how long ago something was."""


class CodeProblem(StrEnum):
    """Why the page for a one-time code is shown again."""

    WRONG_CODE = "wrong_code"
    TOO_MANY_ATTEMPTS = "too_many_attempts"


@dataclass(frozen=True, slots=True)
class OneTimeCodePage:
    """Asks who is signed in for a code of their device."""

    form: FormTarget
    client_name: str
    redirect_host: str
    account_name: str
    problem: CodeProblem | None = None
    retry_after: int = 0
    """Seconds until another attempt is allowed, with TOO_MANY_ATTEMPTS."""


class FactorProblem(StrEnum):
    """Why the second factor was neither set up nor removed."""

    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a problem's name
    WRONG_CODE = "wrong_code"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class EnrolmentView:
    """A key that a device takes over: it waits for the first code."""

    form: FormTarget
    image: str = field(repr=False)
    """The path of the QR code."""
    key: str = field(repr=False)
    """The same for who types it: base32 in groups of four."""


@dataclass(frozen=True, slots=True)
class SecondFactorSection:
    """What the account page says of the device for one-time codes."""

    form: FormTarget
    """Begins an enrolment by the password; removes a factor by the password and a code."""
    set_up_at: int | None = None
    """NumericDate; None where there is none."""
    enrolment: EnrolmentView | None = None
    problem: FactorProblem | None = None
    retry_after: int = 0
    """Seconds until another attempt is allowed, with TOO_MANY_ATTEMPTS."""
