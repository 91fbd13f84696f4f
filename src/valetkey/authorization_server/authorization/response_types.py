"""What an authorization request can ask for, and how it comes back (OAuth 2.0 Multiple Response Types, 2 to 5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from valetkey.authorization_server.policy import IMPLICIT
from valetkey.jose.records import dataclass
from valetkey.oauth.types import GrantType

CODE_GRANT: Final = GrantType("authorization_code")


class Artefact(StrEnum):
    """One thing that an authorization response carries, in the order of the registered names."""

    CODE = "code"
    ID_TOKEN = "id_token"  # noqa: S105 - a response type
    ACCESS_TOKEN = "token"  # noqa: S105 - a response type


class ResponseMode(StrEnum):
    """How the response comes to the client."""

    QUERY = "query"
    FRAGMENT = "fragment"
    FORM_POST = "form_post"
    """In the body of a POST (OAuth 2.0 Form Post Response Mode, 2)."""


@dataclass(frozen=True, slots=True)
class ResponseType:
    """A response type: what it carries, what its client must be registered for, and how it may come back."""

    artefacts: frozenset[Artefact]

    @property
    def name(self) -> str:
        """The registered name: its artefacts in their order."""
        return " ".join(one.value for one in Artefact if one in self.artefacts)

    @property
    def grant_types(self) -> frozenset[GrantType]:
        """Return the grant types that it goes with (OpenID Connect Registration, 2)."""
        of_code = {CODE_GRANT} if Artefact.CODE in self.artefacts else set()
        of_tokens = {IMPLICIT} if self.artefacts - {Artefact.CODE} else set()
        return frozenset(of_code | of_tokens)

    @property
    def modes(self) -> tuple[ResponseMode, ...]:
        """Return how it may come back, the default first: a token never stands in a query, which servers log."""
        if self.artefacts == {Artefact.CODE}:
            return (ResponseMode.QUERY, ResponseMode.FRAGMENT, ResponseMode.FORM_POST)
        # OAUTHMRT-3/fragment OAUTHMRT-5/fragment
        return (ResponseMode.FRAGMENT, ResponseMode.FORM_POST)


_ROWS: Final = tuple(
    ResponseType(frozenset(artefacts))
    for artefacts in (
        {Artefact.CODE},
        {Artefact.ID_TOKEN},
        {Artefact.ACCESS_TOKEN},
        {Artefact.ID_TOKEN, Artefact.ACCESS_TOKEN},
        {Artefact.CODE, Artefact.ID_TOKEN},
        {Artefact.CODE, Artefact.ACCESS_TOKEN},
        {Artefact.CODE, Artefact.ID_TOKEN, Artefact.ACCESS_TOKEN},
    )
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
