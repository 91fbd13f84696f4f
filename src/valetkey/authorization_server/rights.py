"""What a client may have of what it asks for: scope (RFC 6749, 3.3) and resources (RFC 8707, 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.policy import UnknownScopeRule
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.resource import is_identifier, nearest
from valetkey.oauth.types import GrantType, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from valetkey.authorization_server.model import Authorization, Client, ExchangeRule, Resource
    from valetkey.authorization_server.policy import Policy
    from valetkey.oauth.types import Issuer

OPENID: Final = "openid"
OFFLINE_ACCESS: Final = "offline_access"
END_USER_SCOPES: Final = Scope((OPENID, OFFLINE_ACCESS, "profile", "email", "address", "phone"))
"""Scopes that OpenID Connect defines (Core, 5.4 and 11): they speak of an end-user and belong to no resource."""
NEVER_BY_DEFAULT: Final = Scope((OPENID, OFFLINE_ACCESS))
REFRESH_TOKEN: Final = GrantType("refresh_token")


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be granted; `resources` are identifiers of the catalogue, the first is the one meant by default."""

    scope: Scope
    resources: tuple[str, ...]


def rights_for(
    asked_scope: Scope | None,
    asked_resources: tuple[str, ...],
    client: Client,
    catalogue: Sequence[Resource],
    policy: Policy,
) -> Rights:
    """Return what `client` gets of what it asked; raises OAuthError `invalid_target` or `invalid_scope`.

    Resource identifiers are compared exactly as sent. Without a scope it gets all it may have, but never OpenID
    Connect or offline access, which are asked for by name.
    """
    allowed = _allowed(client, catalogue)
    if asked_resources:
        resources = tuple(dict.fromkeys(_known(sent, allowed) for sent in asked_resources))
    else:
        wanted = client.scope if asked_scope is None else asked_scope
        resources = _meant(wanted, client, allowed)  # RFC9068-3/default-audience
    defined = END_USER_SCOPES.union(*(allowed[identifier].scopes for identifier in resources))
    permitted = client.scope.narrowed_to(defined)
    if asked_scope is not None and REFRESH_TOKEN not in client.grant_types:
        # Without refresh tokens it means nothing: ignored, not refused (OpenID Connect Core, 11).
        asked_scope = Scope(asked_scope - {OFFLINE_ACCESS})  # OIDCC-11/ignored
    by_default = Scope(permitted - NEVER_BY_DEFAULT)  # RFC6749-3.3/default
    scope = by_default if asked_scope is None else _judged(asked_scope, permitted, policy)
    if not scope:
        raise OAuthError(ErrorCode.INVALID_SCOPE, "No scope is left that this client may have.", "RFC6749-3.3")
    return Rights(scope, resources)


def narrowed(
    authorization: Authorization,
    asked_scope: Scope | None,
    asked_resources: tuple[str, ...],
    client: Client,
    catalogue: Sequence[Resource],
) -> Rights:
    """Return the part of an authorization that a token request asks for (RFC 6749, 6; RFC 8707, 2.2).

    What the client, or the resource, lost since is not granted again. Raises OAuthError `invalid_target` or
    `invalid_scope`.
    """
    allowed = {
        identifier: resource
        for identifier, resource in _allowed(client, catalogue).items()
        if identifier in authorization.resources
    }
    if asked_resources:
        resources = tuple(dict.fromkeys(_known(sent, allowed) for sent in asked_resources))
    else:
        resources = tuple(identifier for identifier in authorization.resources if identifier in allowed)
    if authorization.resources and not resources:
        raise OAuthError(
            ErrorCode.INVALID_TARGET, "No resource of this authorization is left.", "RFC8707-2.2/unknown"
        )
    if asked_scope is not None and not asked_scope <= authorization.scope:
        raise OAuthError(
            ErrorCode.INVALID_SCOPE,
            "The scope was not granted by the end-user.",
            "RFC6749-6/scope",
            detail=str(Scope(asked_scope - authorization.scope)),
        )
    defined = END_USER_SCOPES.union(*(allowed[identifier].scopes for identifier in resources))
    wanted = authorization.scope if asked_scope is None else asked_scope
    scope = wanted.narrowed_to(client.scope).narrowed_to(defined)
    if not scope:
        raise OAuthError(ErrorCode.INVALID_SCOPE, "No scope is left that this client may have.", "RFC6749-3.3")
    return Rights(scope, resources)


def exchanged(
    held: Scope, asked: Rights, rule: ExchangeRule, client: Client, catalogue: Sequence[Resource]
) -> Rights:
    """Return the part of a presented token's scope that `client` gets by `rule` (RFC 8693, 2.1): never more.

    Where `asked` names no scope, all that is left is meant; where it names no resource, the first of the rule.
    What speaks of an end-user belongs to no resource server and is not handed on. Raises OAuthError
    `invalid_target` or `invalid_scope`.
    """
    listed = _allowed(client, catalogue)
    allowed = {identifier: listed[identifier] for identifier in rule.resources if identifier in listed}
    resources = tuple(dict.fromkeys(_known(sent, allowed) for sent in asked.resources)) or tuple(allowed)[:1]
    if not resources:
        raise OAuthError(
            ErrorCode.INVALID_TARGET, "No resource is left to exchange it for.", "RFC8693-2.2.2/target"
        )
    defined: frozenset[str] = frozenset().union(*(allowed[identifier].scopes for identifier in resources))
    permitted = held.narrowed_to(client.scope).narrowed_to(defined - END_USER_SCOPES)
    scope = asked.scope or permitted
    if not scope or not scope <= permitted:
        raise OAuthError(
            ErrorCode.INVALID_SCOPE,
            "The scope is more than the subject_token, the client or the resource has.",
            "RFC8693-2.1/scope",
            detail=str(Scope(scope - permitted)),
        )
    return Rights(scope, resources)


def audience(resources: tuple[str, ...], scope: Scope, issuer: Issuer) -> str | list[str]:
    """Return the `aud` of an access token: one value as a string, several as an array (RFC 9068, 3).

    With `openid` the issuer is one of them, because its UserInfo endpoint accepts the token.
    """
    names = list(resources)
    if OPENID in scope or not names:
        names.append(issuer.url)
    return names[0] if len(names) == 1 else names


def _allowed(client: Client, catalogue: Sequence[Resource]) -> Mapping[str, Resource]:
    live = {resource.identifier: resource for resource in catalogue if not resource.disabled}
    if not client.resources:
        return live
    return {identifier: live[identifier] for identifier in client.resources if identifier in live}


def _known(sent: str, allowed: Mapping[str, Resource]) -> str:
    if sent in allowed:
        return sent
    if not is_identifier(sent):
        raise OAuthError(
            ErrorCode.INVALID_TARGET, "A resource is an absolute URI without fragment.", "RFC8707-2/syntax"
        )
    ours = nearest(sent, allowed)
    if ours is not None:
        text = f"The resource is spelt {ours} here: compare the trailing slash and the case of the host."
    else:
        text = "The resource is unknown, or this client may not name it."
    raise OAuthError(ErrorCode.INVALID_TARGET, text, "RFC8707-2/unknown", detail=sent)


def _meant(wanted: Scope, client: Client, allowed: Mapping[str, Resource]) -> tuple[str, ...]:
    if client.resources:
        return tuple(allowed)[:1]
    owners = tuple(name for name, resource in allowed.items() if not wanted.isdisjoint(resource.scopes))
    if len(owners) > 1:
        raise OAuthError(
            ErrorCode.INVALID_TARGET,
            "Several resources define this scope: name the one that is meant.",
            "RFC8707-2/ambiguous",
        )
    return owners


def _judged(asked: Scope, permitted: Scope, policy: Policy) -> Scope:
    excess = asked - permitted
    if excess and policy.unknown_scope is UnknownScopeRule.REFUSED:
        raise OAuthError(
            ErrorCode.INVALID_SCOPE,
            "A scope is unknown, or this client may not have it.",
            "RFC6749-3.3",
            detail=str(Scope(excess)),
        )
    return asked.narrowed_to(permitted)
