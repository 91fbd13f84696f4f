"""What an authorization request can ask for, and how it comes back (OAuth 2.0 Multiple Response Types, 2 to 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.policy import IMPLICIT
from valetkey.oauth.types import GrantType

if TYPE_CHECKING:
    from valetkey.oauth.parameters import Parameters

CODE_GRANT: Final = GrantType("authorization_code")


class Artefact(StrEnum):
    """One thing that an authorization response carries."""

    CODE = "code"
    ACCESS_TOKEN = "token"  # noqa: S105 - a response type


class ResponseMode(StrEnum):
    """Where in the redirect URI the response stands."""

    QUERY = "query"
    FRAGMENT = "fragment"


@dataclass(frozen=True, slots=True)
class ResponseType:
    """A response type: what it carries, what its client must be registered for, and how it may come back."""

    artefacts: frozenset[Artefact]
    grant_types: frozenset[GrantType]
    modes: tuple[ResponseMode, ...]
    """The first is the default: a token never stands in a query, which servers log and send on."""

    @property
    def name(self) -> str:
        """The registered name: its artefacts in their order."""
        return " ".join(one.value for one in Artefact if one in self.artefacts)


_ROWS: Final = (
    ResponseType(frozenset({Artefact.CODE}), frozenset({CODE_GRANT}), (ResponseMode.QUERY,)),
    ResponseType(frozenset({Artefact.ACCESS_TOKEN}), frozenset({IMPLICIT}), (ResponseMode.FRAGMENT,)),
)
RESPONSE_TYPES: Final[dict[str, ResponseType]] = {row.name: row for row in _ROWS}
"""Every response type by its name; a policy says which of them it knows."""


def response_type_of(text: str) -> ResponseType | None:
    """Return the row that `text` names, whatever the order of its words (RFC 6749, 3.1.1)."""
    words = text.split(" ")
    asked = frozenset(words)
    if len(asked) < len(words):
        return None
    return next((row for row in _ROWS if {one.value for one in row.artefacts} == asked), None)


def error_mode(parameters: Parameters) -> ResponseMode:
    """Return how an error is brought back: by the default of what was asked for, also where that is refused."""
    row = response_type_of(parameters.get("response_type") or "")
    return ResponseMode.QUERY if row is None else row.modes[0]  # RFC6749-4.2.2.1/fragment
