"""What can end a flow, by whose fault: the server's word, the way to it, its answer, our store (RFC 6749, 5.2)."""

from __future__ import annotations

import re
from typing import Final

_UNSHOWABLE: Final = re.compile(r"[^\x20-\x7e]")
_LONGEST: Final = 300


class FlowError(Exception):
    """A flow cannot go on. Every failure is one of these classes, and none holds a token or a secret.

    `code` is for programs, `description` for people: printable ASCII, whatever the server sent.
    """

    def __init__(self, code: str, description: str) -> None:
        self.code = _shown(code)
        self.description = _shown(description)
        super().__init__(f"{self.code}: {self.description}")


class ServerRefused(FlowError):
    """The server said no: `code` is its error code (`invalid_grant`, `access_denied`), `status` that of HTTP."""

    def __init__(self, code: str, description: str, *, status: int = 400) -> None:
        super().__init__(code, description)
        self.status = status


class ExchangeRefused(ServerRefused):
    """The server did not exchange a caller's token; `advice` says what to do about it.

    `is_callers_token` says that the token of the caller is to blame, so that the caller gets the 401; otherwise it
    is the configuration of this service.
    """

    def __init__(self, refusal: ServerRefused, advice: str, *, is_callers_token: bool) -> None:
        super().__init__(refusal.code, refusal.description, status=refusal.status)
        self.advice = advice
        self.is_callers_token = is_callers_token

    def __str__(self) -> str:
        return f"{self.code}: {self.description} {self.advice}"


class ServerUnreachable(FlowError):
    """Nothing was decided: no connection, no answer in time, or one that says "later" (429, 5xx).

    `retry_after` is seconds, where the server named them.
    """

    def __init__(self, description: str, *, retry_after: int | None = None) -> None:
        super().__init__("unreachable", description)
        self.retry_after = retry_after


class ResponseRejected(FlowError):
    """An answer breaks a rule and must not be believed; `code` names it (`issuer_mismatch`, `state_mismatch`)."""


class SignInNeeded(FlowError):
    """No tokens are kept, or those that were will never work again: the end-user has to sign in."""

    def __init__(self, description: str) -> None:
        super().__init__("sign_in_needed", description)


class TimedOut(FlowError):
    """The end-user did not finish in time."""

    def __init__(self, description: str) -> None:
        super().__init__("timed_out", description)


class StoreFailed(FlowError):
    """The token store cannot be read or written, or holds what is not ours to use."""

    def __init__(self, description: str) -> None:
        super().__init__("store_failed", description)


def _shown(text: str) -> str:
    # What a server sends may end up in a terminal or a log: no control characters, and not endless.
    return _UNSHOWABLE.sub("?", text[:_LONGEST])
