"""Which response mode answers a request, and which its errors (OAuth 2.0 Multiple Response Types, 2.1 and 5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.authorization.response_types import ResponseMode

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.request import AuthorizationRequest
    from valetkey.authorization_server.authorization.response_types import ResponseType
    from valetkey.authorization_server.policy import Policy

_UNPOSTABLE: Final = re.compile("[\x00\r\n]")
"""What a browser changes in a form's values before it sends them (HTML, 4.10.22.8 and 13.2.3.5)."""


def permitted_mode(asked: AuthorizationRequest, row: ResponseType | None, policy: Policy) -> ResponseMode | None:
    """Return the mode that is asked for, or the default one of `row`; None for one that this request cannot have.

    `row` is None for a response type that nobody knows: nothing but an error comes back then.
    """
    modes = tuple(ResponseMode) if row is None else row.modes
    name = asked.parameters.get("response_mode")
    if name is None:
        return modes[0]
    mode = next((one for one in modes if one.value == name and name in policy.response_modes), None)
    return None if mode is ResponseMode.FORM_POST and not _can_be_posted(asked) else mode


def error_mode(asked: AuthorizationRequest, row: ResponseType | None, policy: Policy) -> ResponseMode:
    """Return how an error is brought back: as a success would be, and by the default where that cannot be."""
    default = ResponseMode.QUERY if row is None else row.modes[0]
    # RFC6749-4.2.2.1/fragment OIDCC-3.2.2.6/fragment OIDCC-3.3.2.6/fragment
    return permitted_mode(asked, row, policy) or default


def _can_be_posted(asked: AuthorizationRequest) -> bool:
    """Say whether a browser can post to this client what it must get back unchanged."""
    return asked.to.uri.startswith(("https:", "http:")) and not _UNPOSTABLE.search(asked.state or "")
