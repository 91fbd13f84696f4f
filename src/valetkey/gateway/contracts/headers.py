"""The header names that are ours between a proxy, the decision service and the API behind it (RFC 9110, 5.1)."""

from __future__ import annotations

import re
from typing import Final

from valetkey.oauth.identity_assertion import HEADER
from valetkey.resource_server.policy import OVERRIDES

OWNED_PREFIX: Final = "x-valetkey-"
"""Every name that begins so is ours: whatever a client sends under it is removed."""

ASSERTION: Final = HEADER.decode("ascii")
SUBJECT: Final = "x-valetkey-subject"
CLIENT: Final = "x-valetkey-client"
SCOPE: Final = "x-valetkey-scope"
IDENTITY_HEADERS: Final = (ASSERTION, SUBJECT, CLIENT, SCOPE)
"""What the API behind a proxy may be told of who asks."""

CREDENTIAL_HEADERS: Final = ("authorization", "x-api-key", "dpop")
OVERRIDE_HEADERS: Final = tuple(name.decode("ascii") for name in OVERRIDES)
JUDGED_HEADERS: Final = (*CREDENTIAL_HEADERS, *OVERRIDE_HEADERS)
"""All that the decision reads of the headers that the client sent."""

REROUTING_HEADERS: Final = ("x-original-url", "x-rewrite-url")
"""By these some frameworks take one path for another behind the guard's back: no snippet lets them pass."""

ANSWER_HEADERS: Final = (
    "www-authenticate",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "cache-control",
    "content-type",
)
"""All that an answer of the decision service hands to the client."""

_VISIBLE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def is_visible(value: str) -> bool:
    """Say whether a header can carry `value` through every proxy unchanged: visible ASCII, blanks only inside."""
    return _VISIBLE.fullmatch(value) is not None
