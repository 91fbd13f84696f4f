"""The one decision of a guarded API, pure: Allow, or the exact refusal (RFC 6750, 3; RFC 9068, 4; RFC 9470)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, assert_never

import msgspec

from valetkey.oauth import challenge
from valetkey.oauth.access_token import AccessToken
from valetkey.oauth.errors import ErrorCode
from valetkey.resource_server.facts import NoCredentials, Rejected, Standing, Undecided, Unreadable
from valetkey.resource_server.limits import Verdict as LimitVerdict
from valetkey.resource_server.limits import rate_limit_headers
from valetkey.resource_server.metadata import metadata_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.resource_server.facts import Facts
    from valetkey.resource_server.rules import Rule

Headers = tuple[tuple[str, str], ...]

RETRY_AFTER: Final = "2"
_NO_STORE: Final = ("cache-control", "no-store")
_REVOKED: Final = "The token was revoked."
_UNNAMEABLE: Final = "The token names a status that cannot be looked up."
_UNKNOWN: Final = "Whether the token was revoked cannot be said at the moment; try again."
_NOT_ENOUGH: Final = "The authentication of the end-user is not strong or not recent enough."
_NOT_TAKEN: Final = "This resource does not take credentials of this kind."
_NOT_FOR_THEM: Final = "What the token says of its bearer does not open this resource."
_TOO_MANY: Final = "Too many requests; try again later."
_UNCOUNTED: Final = "Requests cannot be counted at the moment; try again."


class Allow(msgspec.Struct, frozen=True):
    """The request may pass, with what its token says; `headers` belong into the response."""

    token: AccessToken
    headers: Headers = ()


class AllowAnonymous(msgspec.Struct, frozen=True):
    """The request may pass though nobody is known to send it; `headers` belong into the response."""

    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class _Denied:
    """The request is answered in its place: `error` is None where it presented no credentials at all."""

    status: ClassVar[int]
    error: str | None
    description: str
    headers: Headers

    def document(self) -> dict[str, str]:
        """Return the JSON body: the reason, for the developer of the client."""
        body = {"error": self.error} if self.error is not None else {}
        return {**body, "error_description": self.description}


class BadRequest(_Denied):
    """The request cannot be read (400)."""

    __slots__ = ()
    status = 400


class Challenge(_Denied):
    """The request has to come with other credentials (401); the header says with which."""

    __slots__ = ()
    status = 401


class Forbid(_Denied):
    """Who sent the request is known, and may not (403)."""

    __slots__ = ()
    status = 403


class Limited(_Denied):
    """There were too many requests (429); the headers say when there may be more."""

    __slots__ = ()
    status = 429


class Unavailable(_Denied):
    """Nothing can be said at the moment, by no fault of the client (503)."""

    __slots__ = ()
    status = 503


Deny = BadRequest | Challenge | Forbid | Limited | Unavailable
Decision = Allow | AllowAnonymous | Deny


class ProtectedResource:
    """The API that is guarded: holds facts against rules, and writes its challenges (RFC 9728, 5.1)."""

    __slots__ = ("_metadata", "resource")

    def __init__(self, resource: str) -> None:
        """Build it for the resource identifier `resource`, an absolute URL."""
        self.resource = resource
        self._metadata = ("resource_metadata", metadata_url(resource))

    def decide(self, rule: Rule, facts: Facts) -> Decision:
        """Judge the facts of one request by the rule of its route.

        An outage is our fault: 503, never 401 and never a pass.
        """
        if facts.limits is not LimitVerdict.WITHIN:
            return _limited(facts)
        presented = facts.presented
        if type(presented) is AccessToken:
            refusal = self._refusal_of(presented, rule, facts)
            return Allow(presented, _told(facts)) if refusal is None else refusal
        match presented:
            case NoCredentials():
                return AllowAnonymous(_told(facts)) if rule.is_public else self._challenge(rule)
            case Unreadable(reason):
                return BadRequest(*self._denied(ErrorCode.INVALID_REQUEST, reason, rule))
            case Rejected(reason):
                return self._invalid(reason, rule)
            case Undecided(reason):
                return unavailable(reason)
            case AccessToken():
                raise AssertionError("judged above")  # pragma: no cover - the type has no other
            case _:
                assert_never(presented)

    def _refusal_of(self, token: AccessToken, rule: Rule, facts: Facts) -> Deny | None:
        standing = facts.standing
        if standing is not Standing.LIVING:
            if standing is Standing.UNKNOWN or (standing is Standing.STALE and not rule.insecure_stale_seconds):
                return unavailable(_UNKNOWN)
            if standing is not Standing.STALE:
                return self._invalid(_REVOKED if standing is Standing.REVOKED else _UNNAMEABLE, rule)
        if token.credential not in rule.credentials:
            return _forbidden(_NOT_TAKEN)
        # Before the scope, because its challenge names the scope too: who has to sign in again is sent away once.
        if rule.asks_for_authentication and not rule.is_met_by_authentication(token, facts.now):
            # RFC9470-3/error
            return Challenge(*self._denied(ErrorCode.INSUFFICIENT_USER_AUTHENTICATION, _NOT_ENOUGH, rule))
        if not rule.scope <= token.scope:
            # RFC6750-3.1/insufficient-scope: the whole scope that the route asks for, not only what is missing.
            reason = "The token does not carry the scope."
            return Forbid(*self._denied(ErrorCode.INSUFFICIENT_SCOPE, reason, rule))
        if rule.claims and not rule.is_met_by_claims(token):
            return _forbidden(_NOT_FOR_THEM)
        return None

    def _challenge(self, rule: Rule) -> Challenge:
        # RFC6750-3.1/no-error-code: a request without credentials learns how to authenticate, no error.
        parameters = (self._metadata, *_scope_parameter(rule))
        return Challenge(None, "This resource needs an access token.", _challenge_headers(parameters))

    def _invalid(self, reason: str, rule: Rule) -> Challenge:
        return Challenge(*self._denied(ErrorCode.INVALID_TOKEN, reason, rule))  # RFC9068-4/invalid-token

    def _denied(self, code: ErrorCode, reason: str, rule: Rule) -> tuple[str, str, Headers]:
        # RFC6750-3/challenge RFC6750-3/scheme RFC6750-3/once
        parameters = (
            ("error", code.value),
            ("error_description", reason),
            *_authentication_parameters(code, rule),
            *_scope_parameter(rule),
            self._metadata,
        )
        return code.value, reason, _challenge_headers(parameters)


def bad_request(reason: str) -> BadRequest:
    """Return the answer to a request that no rule can be found for; `reason` is fixed text."""
    return BadRequest(ErrorCode.INVALID_REQUEST.value, reason, (_NO_STORE,))


def no_rule(reason: str) -> Forbid:
    """Return the answer to a request that no rule opens, whoever sends it."""
    return _forbidden(reason)


def unavailable(reason: str) -> Unavailable:
    """Return the answer while something that has to be known cannot be; `reason` is fixed text."""
    return Unavailable(ErrorCode.TEMPORARILY_UNAVAILABLE.value, reason, (("retry-after", RETRY_AFTER), _NO_STORE))


def _told(facts: Facts) -> Headers:
    return rate_limit_headers(facts.spent) if facts.spent else ()


def _limited(facts: Facts) -> Limited | Unavailable:
    if facts.limits is LimitVerdict.UNAVAILABLE:
        return unavailable(_UNCOUNTED)
    return Limited(None, _TOO_MANY, (*rate_limit_headers(facts.spent), _NO_STORE))


def _forbidden(reason: str) -> Forbid:
    return Forbid(ErrorCode.ACCESS_DENIED.value, reason, (_NO_STORE,))


def _challenge_headers(parameters: Sequence[tuple[str, str]]) -> Headers:
    return ("www-authenticate", str(challenge.Challenge("Bearer", tuple(parameters)))), _NO_STORE


def _authentication_parameters(code: ErrorCode, rule: Rule) -> tuple[tuple[str, str], ...]:
    if code is not ErrorCode.INSUFFICIENT_USER_AUTHENTICATION:
        return ()
    levels = (("acr_values", " ".join(rule.acr)),) if rule.acr else ()  # RFC9470-3/acr-values
    return (*levels, ("max_age", str(rule.max_age))) if rule.max_age is not None else levels


def _scope_parameter(rule: Rule) -> tuple[tuple[str, str], ...]:
    return (("scope", str(rule.scope)),) if rule.scope else ()
