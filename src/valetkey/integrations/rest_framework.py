"""The guard for Django REST framework: an authentication and a permission class with the exact challenge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack

from django.core.exceptions import ImproperlyConfigured
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.permissions import AND, NOT, OR, BasePermission

from valetkey.integrations.background import LOOP
from valetkey.integrations.django import Guard as DjangoGuard
from valetkey.integrations.django import kept_of, view_of
from valetkey.oauth.access_token import AccessToken, PrincipalKind
from valetkey.resource_server import Allow, AllowAnonymous, Rule
from valetkey.resource_server.decision import ProtectedResource
from valetkey.resource_server.facts import Facts, NoCredentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from valetkey.integrations.guarding import RuleOptions
    from valetkey.resource_server import Deny

_DECIDED: Final = "valetkey_decided"
_PUBLIC: Final = Rule(is_public=True)


class Denied(APIException):  # type: ignore[misc]  # the framework is untyped
    """Ends the request with the answer of the guard."""

    def __init__(self, outcome: Deny) -> None:
        super().__init__()
        self.status_code = outcome.status
        self.detail = outcome.document()


class TokenUser:
    """Whom an access token speaks for, in the place of a user of Django's; it has no row, groups or permissions."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    def __init__(self, token: AccessToken) -> None:
        """Build it of a verified token."""
        self.token = token
        self.subject = token.subject
        """`sub`; unique within `token.issuer`."""

    @property
    def pk(self) -> str:
        """The issuer and the subject, by which throttles of the framework tell callers apart."""
        return f"{self.token.issuer} {self.subject}"

    @property
    def is_person(self) -> bool:
        """Whether the token speaks for an end-user, not for a client."""
        return self.token.principal is PrincipalKind.END_USER

    def get_username(self) -> str:
        """Return the subject."""
        return self.subject

    def __str__(self) -> str:
        return self.subject


class Guard(DjangoGuard):
    """Guards views: `authentication_classes = [guard.authentication]`, and a permission class for its scope.

    `permission_classes = [guard.permission("albums.read")]` asks for the scope; other permissions are joined to it
    in the list or by `&`. `request.auth` is the AccessToken, `request.user` a TokenUser.
    """

    @property
    def authentication(self) -> type[BaseAuthentication]:
        """The authentication class: it judges by the permission of this guard that the view names."""
        guard = self

        class TokenAuthentication(BaseAuthentication):  # type: ignore[misc]  # the framework is untyped
            def authenticate(self, request: Request) -> tuple[TokenUser, AccessToken] | None:
                outcome = guard._judged(request, _rule_of(request.parser_context["view"]))
                if isinstance(outcome, Allow):
                    return TokenUser(outcome.token), outcome.token
                return None

            def authenticate_header(self, _request: Request) -> str:
                return guard._bare_challenge()

        return TokenAuthentication

    def permission(self, *scope: str, **options: Unpack[RuleOptions]) -> type[BasePermission]:
        """Return the permission class that asks for `scope` and what the options say; one for each view."""
        return self._permission(self.rule(*scope, **options))

    def optional_permission(self, *scope: str, **options: Unpack[RuleOptions]) -> type[BasePermission]:
        """Return the permission class that lets a request without credentials pass too."""
        return self._permission(self.public_rule(*scope, **options))

    def _permission(self, rule: Rule) -> type[BasePermission]:
        guard = self

        class TokenPermission(_RulePermission):
            rule_of_guard = rule

            def has_permission(self, request: Request, _view: object) -> bool:
                guard._judged(request, rule)
                return True

        return TokenPermission

    def _judged(self, request: Request, rule: Rule) -> Allow | AllowAnonymous:
        """Judge the request once, whichever of the two classes comes first; raises Denied."""
        asked: HttpRequest = request._request  # noqa: SLF001 - the framework names no other way
        decided: tuple[Guard, Rule, Allow | AllowAnonymous] | None = getattr(asked, _DECIDED, None)
        if decided is not None and decided[0] is self:
            if decided[1] is rule:
                return decided[2]
            if decided[1] is not _PUBLIC:
                # The framework asks what the request might do by another method: it may do what it asked for.
                raise PermissionDenied
        outcome = LOOP.decide(self.decide_view(view_of(asked, self.trusted_proxies), rule, kept_of(asked)))
        # Whatever the framework makes of the outcome, these headers are on its response.
        request.parser_context["view"].headers.update(outcome.headers)
        if not isinstance(outcome, Allow | AllowAnonymous):
            raise Denied(outcome)
        setattr(asked, _DECIDED, (self, rule, outcome))
        return outcome

    def _bare_challenge(self) -> str:
        denied = ProtectedResource(self.resource_server.resource).decide(Rule(), Facts(NoCredentials(), 0))
        return dict(denied.headers)["www-authenticate"]


class _RulePermission(BasePermission):  # type: ignore[misc]  # the framework is untyped
    rule_of_guard: Rule


def _rule_of(view: APIView) -> Rule:
    rules = [rule for permission in view.get_permissions() for rule in _rules_in(permission)]
    if len(rules) > 1:
        raise ImproperlyConfigured("a view names one permission of a guard: ask for all in that one")
    return rules[0] if rules else _PUBLIC


def _rules_in(permission: object) -> Iterator[Rule]:
    if isinstance(permission, _RulePermission):
        yield permission.rule_of_guard
    elif isinstance(permission, AND):
        yield from _rules_in(permission.op1)
        yield from _rules_in(permission.op2)
    elif isinstance(permission, OR | NOT):
        parts = [permission.op1] if isinstance(permission, NOT) else [permission.op1, permission.op2]
        if any(True for part in parts for _ in _rules_in(part)):
            raise ImproperlyConfigured("a permission of a guard is joined to others by & only")
