"""The errors that OAuth 2.1 and OpenID Connect put on the wire: one table of code, status and redirect."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from valetkey.jose.records import dataclass


class ErrorCode(StrEnum):
    """Error codes of the IANA registry "OAuth Extensions Error"."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    ACCESS_DENIED = "access_denied"
    AUTHORIZATION_PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a registered code
    SERVER_ERROR = "server_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    LOGIN_REQUIRED = "login_required"
    CONSENT_REQUIRED = "consent_required"
    INTERACTION_REQUIRED = "interaction_required"
    ACCOUNT_SELECTION_REQUIRED = "account_selection_required"
    UNMET_AUTHENTICATION_REQUIREMENTS = "unmet_authentication_requirements"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    INVALID_REQUEST_OBJECT = "invalid_request_object"
    INVALID_REQUEST_URI = "invalid_request_uri"
    REGISTRATION_NOT_SUPPORTED = "registration_not_supported"
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - a registered code
    INSUFFICIENT_SCOPE = "insufficient_scope"
    INSUFFICIENT_USER_AUTHENTICATION = "insufficient_user_authentication"
    INVALID_REDIRECT_URI = "invalid_redirect_uri"
    INVALID_CLIENT_METADATA = "invalid_client_metadata"
    INVALID_SOFTWARE_STATEMENT = "invalid_software_statement"
    UNAPPROVED_SOFTWARE_STATEMENT = "unapproved_software_statement"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """What HTTP makes of a code: the status of a direct answer, and whether a redirect may carry it."""

    status: int
    redirectable: bool


_DIRECT: Final = ErrorRow(400, redirectable=False)
_FRONT: Final = ErrorRow(400, redirectable=True)

ERRORS: Final[dict[ErrorCode, ErrorRow]] = {
    ErrorCode.INVALID_REQUEST: _FRONT,
    ErrorCode.INVALID_CLIENT: ErrorRow(401, redirectable=False),
    ErrorCode.INVALID_GRANT: _DIRECT,
    ErrorCode.UNAUTHORIZED_CLIENT: _FRONT,
    ErrorCode.UNSUPPORTED_GRANT_TYPE: _DIRECT,
    ErrorCode.UNSUPPORTED_RESPONSE_TYPE: _FRONT,
    ErrorCode.INVALID_SCOPE: _FRONT,
    ErrorCode.INVALID_TARGET: _FRONT,
    ErrorCode.ACCESS_DENIED: _FRONT,
    ErrorCode.AUTHORIZATION_PENDING: _DIRECT,
    ErrorCode.SLOW_DOWN: _DIRECT,
    ErrorCode.EXPIRED_TOKEN: _DIRECT,
    ErrorCode.SERVER_ERROR: ErrorRow(500, redirectable=True),
    ErrorCode.TEMPORARILY_UNAVAILABLE: ErrorRow(503, redirectable=True),
    ErrorCode.LOGIN_REQUIRED: _FRONT,
    ErrorCode.CONSENT_REQUIRED: _FRONT,
    ErrorCode.INTERACTION_REQUIRED: _FRONT,
    ErrorCode.ACCOUNT_SELECTION_REQUIRED: _FRONT,
    ErrorCode.UNMET_AUTHENTICATION_REQUIREMENTS: _FRONT,
    ErrorCode.REQUEST_NOT_SUPPORTED: _FRONT,
    ErrorCode.REQUEST_URI_NOT_SUPPORTED: _FRONT,
    ErrorCode.INVALID_REQUEST_OBJECT: _FRONT,
    ErrorCode.INVALID_REQUEST_URI: _FRONT,
    ErrorCode.REGISTRATION_NOT_SUPPORTED: _FRONT,
    ErrorCode.INVALID_TOKEN: ErrorRow(401, redirectable=False),
    ErrorCode.INSUFFICIENT_SCOPE: ErrorRow(403, redirectable=False),
    ErrorCode.INSUFFICIENT_USER_AUTHENTICATION: ErrorRow(401, redirectable=False),
    ErrorCode.INVALID_REDIRECT_URI: _DIRECT,
    ErrorCode.INVALID_CLIENT_METADATA: _DIRECT,
    ErrorCode.INVALID_SOFTWARE_STATEMENT: _DIRECT,
    ErrorCode.UNAPPROVED_SOFTWARE_STATEMENT: _DIRECT,
}


class OAuthError(Exception):
    """A refusal that goes on the wire: `description` is fixed text, `requirement` the row it enforces.

    `detail` is for the log only; `headers` are response headers that the refusal asks for.
    """

    def __init__(
        self,
        code: ErrorCode,
        description: str,
        requirement: str,
        *,
        detail: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description
        self.requirement = requirement
        self.detail = detail
        self.headers = headers

    @property
    def status(self) -> int:
        """The HTTP status of a direct answer."""
        return ERRORS[self.code].status


class Unavailable(Exception):
    """A part that we need does not answer: 503 with `Retry-After`, never a judgement of the caller."""

    def __init__(self, what: str, *, retry_after: int = 2) -> None:
        super().__init__(f"{what} is unavailable")
        self.what = what
        self.retry_after = retry_after
