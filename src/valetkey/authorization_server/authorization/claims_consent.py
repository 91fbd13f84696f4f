"""Single claims and consent: whom a request is about, what a page has to name, what is granted (Core, 5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.claims import beyond_scope, releasable
from valetkey.authorization_server.model import ConsentAnswer
from valetkey.oauth.types import Subject

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.request import VerifiedAuthorizationRequest
    from valetkey.authorization_server.claims_request import ClaimsRequest
    from valetkey.authorization_server.model import EndUser, Interaction

SHOWN_CLAIMS: Final = "shown claims"
"""Stands beside the parameters of an answered request: which claims the page named, besides the scope."""
NOBODY: Final = Subject("")
"""The subject of no end-user."""


def named_subjects(hinted: Subject | None, claims: ClaimsRequest) -> tuple[Subject, ...] | None:
    """Return whom a request is about, by hint and by the claim `sub`, as its client knows them (Core, 3.1.2.2).

    None: it is about anybody.
    """
    # OIDCC-3.1.2.2/subject OIDCC-5.5.1/subject-mismatch
    asked = claims.subjects()
    if hinted is None or asked is None:
        return asked if hinted is None else (hinted,)
    return tuple(one for one in asked if one == hinted)


def claims_to_show(asked: VerifiedAuthorizationRequest, end_user: EndUser) -> tuple[str, ...]:
    """Return the names, in order, of the claims that the client may have and that its scope does not open."""
    return tuple(sorted(beyond_scope(releasable(asked.claims, asked.client, end_user), asked.scope)))


def granted_claims(
    asked: VerifiedAuthorizationRequest, end_user: EndUser, interaction: Interaction | None
) -> ClaimsRequest:
    """Return what of the claims request is granted: where the end-user was asked, nothing that they were not shown.

    What an operator has noted of them since the page was shown needs another answer.
    """
    released = releasable(asked.claims, asked.client, end_user)
    if interaction is None or interaction.answer is not ConsentAnswer.ALLOWED:
        return released
    shown = frozenset(dict(interaction.parameters).get(SHOWN_CLAIMS, "").split())
    return released.narrowed_to(released.names - (beyond_scope(released, asked.scope) - shown))
