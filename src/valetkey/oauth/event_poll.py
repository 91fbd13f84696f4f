"""Polling for security event tokens, both directions (RFC 8936, 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

import msgspec

from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError

MEDIA_TYPE: Final = "application/json"
MAXIMUM_TOKENS: Final = 1_000
"""How many token ids one request may acknowledge or report."""
_LONGEST_ID: Final = 255


@dataclass(frozen=True, slots=True)
class SetError:
    """Why a recipient could not take a token (RFC 8936, 2.6)."""

    code: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class EventPoll:
    """What a recipient asks: how many tokens at most (None: as the transmitter likes), and which it has."""

    maximum: int | None = None
    returns_immediately: bool = False
    acknowledged: tuple[str, ...] = ()
    errors: Mapping[str, SetError] = field(default_factory=dict)

    @classmethod
    def parse(cls, body: bytes) -> EventPoll:
        """Return the request that a JSON body holds; raises OAuthError `invalid_request`."""
        try:
            found = msgspec.json.decode(body, type=_Request)
        except msgspec.MsgspecError:
            raise _malformed("The body is no poll request.", "RFC8936-2.2/ack") from None
        known = (*found.ack, *found.set_errs)
        if len(known) > MAXIMUM_TOKENS or any(not 0 < len(one) <= _LONGEST_ID for one in known):
            raise _malformed("It acknowledges too much at once.", "RFC8936-2.2/ack")
        if found.maximum is not None and found.maximum < 0:
            raise _malformed("maxEvents is a number from 0.", "RFC8936-2.2/ack")
        errors = {
            token_id: SetError(one.err[:255], one.description[:255]) for token_id, one in found.set_errs.items()
        }
        return cls(found.maximum, found.returns_immediately, tuple(found.ack), errors)

    def document(self) -> dict[str, object]:
        """Return the JSON object that asks for this; what is as by default is left out."""
        document: dict[str, object] = {}
        if self.maximum is not None:
            document["maxEvents"] = self.maximum
        if self.returns_immediately:
            document["returnImmediately"] = True
        if self.acknowledged:
            document["ack"] = list(self.acknowledged)
        if self.errors:
            document["setErrs"] = {
                name: {"err": one.code, "description": one.description} for name, one in self.errors.items()
            }
        return document


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """The tokens that a poll brought, by their `jti`, and whether more wait."""

    tokens: Mapping[str, str] = field(default_factory=dict)
    has_more: bool = False

    def document(self) -> dict[str, object]:
        """Return the JSON object that says this."""
        document: dict[str, object] = {"sets": dict(self.tokens)}  # RFC8936-2.3/sets
        return {**document, "moreAvailable": True} if self.has_more else document

    @classmethod
    def parse(cls, body: bytes) -> EventAnswer:
        """Return the answer that a JSON body holds; raises ValueError."""
        try:
            found = msgspec.json.decode(body, type=_Answer)
        except msgspec.MsgspecError:
            raise ValueError("the answer is no poll response") from None
        return cls(found.sets, found.more_available)


class _SetError(msgspec.Struct, frozen=True):
    err: str
    description: str = ""


class _Request(msgspec.Struct, frozen=True):
    maximum: int | None = msgspec.field(name="maxEvents", default=None)
    returns_immediately: bool = msgspec.field(name="returnImmediately", default=False)
    ack: list[str] = msgspec.field(default_factory=list)
    set_errs: dict[str, _SetError] = msgspec.field(name="setErrs", default_factory=dict)


class _Answer(msgspec.Struct, frozen=True):
    sets: dict[str, str]
    more_available: bool = msgspec.field(name="moreAvailable", default=False)


def _malformed(description: str, requirement: str) -> OAuthError:
    return OAuthError(ErrorCode.INVALID_REQUEST, description, requirement)
