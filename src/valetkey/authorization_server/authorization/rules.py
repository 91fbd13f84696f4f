"""The rules of an authorization request, all of which the client may learn by redirect (OAuth 2.1, 4.1.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.authorization.forwarding import forwarding_of
from valetkey.authorization_server.authorization.id_token_hint import hinted_subject
from valetkey.authorization_server.authorization.request import Prompt, VerifiedAuthorizationRequest
from valetkey.authorization_server.authorization.request_object import REQUEST, REQUEST_URI, is_evident
from valetkey.authorization_server.authorization.response import RedirectError
from valetkey.authorization_server.authorization.response_mode import error_mode, permitted_mode
from valetkey.authorization_server.authorization.response_types import (
    Artefact,
    ResponseMode,
    ResponseType,
    response_type_of,
)
from valetkey.authorization_server.claims_request import NO_CLAIMS, ClaimsRequest
from valetkey.authorization_server.model import ApplicationType, Resource
from valetkey.authorization_server.policy import PkceRule, Policy
from valetkey.authorization_server.rights import OFFLINE_ACCESS, OPENID, rights_for
from valetkey.authorization_server.token_form import form_for
from valetkey.jose import JwkSet
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.pkce import parse_challenge
from valetkey.oauth.types import GrantType, Issuer, NumericDate, Scope

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.request import AuthorizationRequest
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.rights import Rights
    from valetkey.oauth.parameters import Parameters
    from valetkey.oauth.types import Subject

CODE: Final = GrantType("authorization_code")
REFRESH: Final = GrantType("refresh_token")
MAXIMUM_AGE: Final = 10 * 365 * 86_400
"""Seconds: what asks for more asks for nothing that a session here could be."""
MAXIMUM_LOGIN_HINT: Final = 256

_MAX_AGE: Final = re.compile(r"[0-9]{1,9}")
_UNSUPPORTED: Final = (
    # What these bring was read before, or is refused: it is never passed over.
    (REQUEST, ErrorCode.REQUEST_NOT_SUPPORTED, "OIDCC-6.1/not-supported"),
    (REQUEST_URI, ErrorCode.REQUEST_URI_NOT_SUPPORTED, "OIDCC-6.2/not-supported"),
    ("registration", ErrorCode.REGISTRATION_NOT_SUPPORTED, "OIDCC-7.2.1/not-supported"),
)
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST_WORDS: Final = 20
"""Of a list that only says what a client would rather have: more of them are not read."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The configuration of now, by which a request is judged; `keys` are our own, for an id_token_hint."""

    policy: Policy
    catalogue: Sequence[Resource]
    issuer: Issuer
    keys: JwkSet
    now: NumericDate
    hint: str | None = None
    """The id_token_hint, decrypted where it came encrypted."""


def verify_request(
    asked: AuthorizationRequest, repeated: OAuthError | None, terms: Terms
) -> VerifiedAuthorizationRequest:
    """Return the request that may be granted; raises RedirectError, the first rule that it breaks.

    `repeated` is the refusal of parameters that were sent more than once. Names that no rule knows are ignored.
    """
    # RFC6749-3.1/unknown
    try:
        if repeated is not None:
            raise repeated
        return _verified(asked, terms)
    except OAuthError as error:
        raise refused(asked, error, terms.policy) from None


def refused(asked: AuthorizationRequest, error: OAuthError, policy: Policy) -> RedirectError:
    """Return the refusal of a request of which no more than the redirect URI need be believed."""
    forwarding = forwarding_of(asked.client, asked.parameters, policy)
    row = response_type_of(asked.parameters.get("response_type") or "")
    mode = error_mode(asked, row, policy)
    return RedirectError(asked.to, error, asked.state, forwarding, asked.client.name, mode=mode)


def _verified(asked: AuthorizationRequest, terms: Terms) -> VerifiedAuthorizationRequest:
    parameters, client, policy = asked.parameters, asked.client, terms.policy
    _judge_kind(parameters, client)
    response_type = _response_type(parameters, client, policy)
    gives_code = Artefact.CODE in response_type.artefacts
    prompt = _prompt(parameters.get("prompt"))
    rights = _rights(parameters, client, terms)
    _judge_front_channel(asked, response_type, rights, terms)
    return VerifiedAuthorizationRequest(
        client=client,
        to=asked.to,
        redirect_uri_was_sent=asked.redirect_uri_was_sent,
        state=asked.state,
        scope=_without_idle_offline_access(rights.scope, prompt, client, response_type),
        resources=rights.resources,
        code_challenge=_challenge(parameters, client, policy) if gives_code else None,
        nonce=parameters.get("nonce") if OPENID in rights.scope else None,
        prompt=prompt,
        max_age=_max_age(parameters.get("max_age"), client),
        login_hint=_login_hint(parameters.get("login_hint")),
        hinted_subject=_hinted(terms.hint or parameters.get("id_token_hint"), client, terms),
        parameters=parameters,
        acr_values=_words(parameters.get("acr_values")) or client.openid.default_acr_values,
        claims_locales=_words(parameters.get("claims_locales")),
        claims=_claims(parameters, rights.scope, response_type),
        artefacts=response_type.artefacts,
        mode=_mode(asked, response_type, policy),
    )


def _judge_kind(parameters: Parameters, client: Client) -> None:
    """Judge what cannot be left to the rule of any one parameter."""
    if client.openid.require_signed_request_object and not is_evident(parameters):
        raise _invalid("The client promised to sign its requests: this one has no request object.", "JAR-10.5")
    for name, code, requirement in _UNSUPPORTED:
        if name in parameters:
            raise OAuthError(code, f"The parameter {name} is not supported.", requirement)
    thumbprint = parameters.get("dpop_jkt")
    if thumbprint is not None and not _THUMBPRINT.fullmatch(thumbprint):
        raise _invalid("dpop_jkt is no thumbprint of a key.", "RFC6749-4.1.2.1/error")


def _response_type(parameters: Parameters, client: Client, policy: Policy) -> ResponseType:
    asked = parameters.require("response_type", "RFC6749-3.1.1/response-type")
    found = response_type_of(asked)
    if found is None or found.name not in policy.response_types:
        raise OAuthError(
            ErrorCode.UNSUPPORTED_RESPONSE_TYPE,
            "The response_type is not supported.",
            "RFC6749-3.1.1/response-type",
        )
    if not found.grant_types <= client.grant_types & policy.grant_types or not _is_registered_for(found, client):
        raise OAuthError(
            ErrorCode.UNAUTHORIZED_CLIENT, "The client may not use this grant.", "RFC6749-4.1.2.1/error"
        )
    return found


def _is_registered_for(response_type: ResponseType, client: Client) -> bool:
    named = client.openid.response_types
    return named is None or response_type in map(response_type_of, named)


def _mode(asked: AuthorizationRequest, response_type: ResponseType, policy: Policy) -> ResponseMode:
    mode = permitted_mode(asked, response_type, policy)
    if mode is None:
        raise _invalid("The response_mode is not supported.", "OIDCC-3.1.2.5")
    return mode


def _judge_front_channel(
    asked: AuthorizationRequest, response_type: ResponseType, rights: Rights, terms: Terms
) -> None:
    """Judge what counts only where tokens come from the authorization endpoint."""
    artefacts = response_type.artefacts
    if Artefact.ACCESS_TOKEN in artefacts:
        # As at the token endpoint: what cannot be written as one token is refused before anything is granted.
        form_for([one for one in terms.catalogue if one.identifier in rights.resources], asked.client)
    if Artefact.ID_TOKEN not in artefacts:
        return
    if OPENID not in rights.scope:
        raise _invalid("An ID Token needs the scope openid.", "OIDCC-3.1.2.1/openid-scope")
    if "nonce" not in asked.parameters:
        requirement = "OIDCC-3.3.2.1/nonce" if Artefact.CODE in artefacts else "OIDCC-3.2.2.1/nonce"
        raise _invalid("The parameter nonce is missing.", requirement)
    is_web = asked.client.application_type is ApplicationType.WEB
    if Artefact.CODE not in artefacts and is_web and asked.to.uri.startswith("http:"):
        raise _invalid("An http redirect URI gets no tokens but in a native application.", "OIDCC-3.2.2.1/no-http")


def _challenge(parameters: Parameters, client: Client, policy: Policy) -> str | None:
    challenge = parse_challenge(parameters.get("code_challenge"), parameters.get("code_challenge_method"))
    if challenge is None and (policy.pkce is PkceRule.REQUIRED or client.is_public):
        raise _invalid("The parameter code_challenge is missing.", "RFC7636-4.4.1/required")
    return challenge


def _rights(parameters: Parameters, client: Client, terms: Terms) -> Rights:
    sent = parameters.get("scope")
    scope = None if sent is None else Scope.parse(sent)
    if scope is not None and OPENID in scope and "redirect_uri" not in parameters:
        raise _invalid("OpenID Connect requires the parameter redirect_uri.", "OIDCC-3.1.2.1/redirect-uri")
    return rights_for(scope, parameters.all("resource"), client, terms.catalogue, terms.policy)


def _without_idle_offline_access(
    scope: Scope, prompt: frozenset[Prompt], client: Client, response_type: ResponseType
) -> Scope:
    # It counts only where the end-user is asked and a refresh token can come of it (OpenID Connect Core, 11).
    gives_code = Artefact.CODE in response_type.artefacts
    if gives_code and Prompt.CONSENT in prompt and REFRESH in client.grant_types:
        return scope  # OIDCC-11/consent OIDCC-11/code OIDCC-11/web
    return Scope(scope - {OFFLINE_ACCESS})  # OIDCC-11/ignored


def _claims(parameters: Parameters, scope: Scope, response_type: ResponseType) -> ClaimsRequest:
    if OPENID not in scope:
        return NO_CLAIMS
    request = ClaimsRequest.parse(parameters.get("claims"), parameters.get("claims_locales"))
    if request.userinfo and response_type.artefacts == {Artefact.ID_TOKEN}:
        raise _invalid("claims: without an access token nothing comes from UserInfo.", "OIDCC-5.5/userinfo")
    return request


def _prompt(text: str | None) -> frozenset[Prompt]:
    try:
        prompt = frozenset(Prompt(name) for name in (text or "").split(" ") if name)
    except ValueError:
        raise _invalid("A value of prompt is not supported.", "OIDCC-3.1.2.1/prompt-values") from None
    if Prompt.NONE in prompt and len(prompt) > 1:
        raise _invalid("prompt=none stands alone.", "OIDCC-3.1.2.1/prompt-values")
    return prompt


def _max_age(text: str | None, client: Client) -> int | None:
    if text is None:
        return client.openid.default_max_age
    if not _MAX_AGE.fullmatch(text) or int(text) > MAXIMUM_AGE:
        raise _invalid("max_age is a number of seconds, 0 or more.", "OIDCC-3.1.2.1/max-age")
    return int(text)


def _words(text: str | None) -> tuple[str, ...]:
    # What it asks for is voluntary: whatever is not understood must not stop anybody (OpenID Connect Core, 15.1).
    words = tuple(dict.fromkeys((text or "").split()))
    return words[:_MOST_WORDS]  # OIDCC-15.1/acr-values OIDCC-15.1/locales


def _login_hint(text: str | None) -> str:
    return text if text is not None and len(text) <= MAXIMUM_LOGIN_HINT and text.isprintable() else ""


def _hinted(hint: str | None, client: Client, terms: Terms) -> Subject | None:
    return None if hint is None else hinted_subject(hint, client.client_id, terms.issuer, terms.keys, terms.now)


def _invalid(description: str, requirement: str) -> OAuthError:
    return OAuthError(ErrorCode.INVALID_REQUEST, description, requirement)
