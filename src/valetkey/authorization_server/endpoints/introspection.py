"""The introspection endpoint (RFC 7662): what a token is, told to those whom it is meant for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.api_key import is_api_key
from valetkey.authorization_server.claim_mapping import ClaimFacts, mapped_claims
from valetkey.authorization_server.client_algorithms import TextForm
from valetkey.authorization_server.client_authentication.method import invalid_client
from valetkey.authorization_server.client_request import judge_as_client, parse_client_request
from valetkey.authorization_server.client_text import text_for
from valetkey.authorization_server.model import Client, Standing
from valetkey.authorization_server.openid_client import SubjectType
from valetkey.authorization_server.policy import IntrospectionRule
from valetkey.authorization_server.presented_api_key import answer_about_key
from valetkey.authorization_server.presented_token import (
    Holder,
    genuine_access_token,
    holder_of,
    is_readable,
    is_session_live,
)
from valetkey.authorization_server.service import AuthorizationServer
from valetkey.authorization_server.subject_identifier import subject_for
from valetkey.jose import InvalidToken
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import INTROSPECTION_RESPONSE
from valetkey.oauth.http import NO_STORE, HttpRequest, HttpResponse, json_response
from valetkey.oauth.introspection import INACTIVE, SIGNED_RESPONSE, access_token_response
from valetkey.oauth.types import NumericDate, OpaqueToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.model import Resource
    from valetkey.oauth.access_token import AccessToken


_NOT_WANTED: Final = re.compile(r"q=0(?:\.0{0,3})?")


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer whether a token is active and what it says; raises OAuthError and Unavailable."""
    asked = parse_client_request(request, server, "RFC7662-2.1/form")
    presented = asked.form.require("token", "RFC7662-2.1/token")
    # `token_type_hint` is never read: every kind is looked for, so a wrong one cannot mislead: RFC7662-2.1/hint

    async def judge(client: Client) -> tuple[HttpResponse, Changes]:
        if client.is_public:  # RFC7662-2.1/authorization RFC9701-5/caller
            # Nothing was proven, so the answer is that to a wrong proof: RFC7662-2.3/unauthorized
            raise invalid_client(f"public client {client.client_id[:100]}")
        changes: Changes = ()
        if is_api_key(presented):
            document, changes = await answer_about_key(presented, client, server, asked.fresh.now)
        else:
            document = await _Question(client, server, asked.fresh.now).answer(presented)
        if not wants_signed(request):
            return json_response(200, document, NO_STORE), changes
        return await _signed(document, client, server, asked.fresh.now), changes

    return await judge_as_client(asked, server, judge)


def wants_signed(request: HttpRequest) -> bool:
    """Say whether the caller asks for a signed answer (RFC 9701, 4)."""
    accepted = ",".join(request.all_headers(b"accept")).lower().split(",")
    for one in accepted:
        kind, *parameters = (part.strip() for part in one.split(";"))
        # A weight of 0 says that it is not wanted (RFC 9110, 12.4.2).
        if kind == SIGNED_RESPONSE and not any(_NOT_WANTED.fullmatch(parameter) for parameter in parameters):
            return True
    return False


async def _signed(
    document: Mapping[str, object], client: Client, server: AuthorizationServer, now: NumericDate
) -> HttpResponse:
    """Answer for this caller alone; without `sub` and `exp` of its own it cannot stand in the token's place."""
    claims = {  # RFC9701-5/claims RFC9701-5/no-sub-exp
        "iss": server.issuer.url,
        "aud": client.client_id,
        "iat": now,
        "token_introspection": document,
    }
    form = TextForm(client.introspection_signed_response_alg)
    signed = await text_for(client, claims, form, server, now, typ=INTROSPECTION_RESPONSE.typ)  # RFC9701-5/typ
    return HttpResponse(200, (("content-type", SIGNED_RESPONSE), *NO_STORE), signed.encode("ascii"))


@dataclass(frozen=True, slots=True)
class _Question:
    client: Client
    server: AuthorizationServer
    now: NumericDate

    async def answer(self, presented: str) -> Mapping[str, object]:
        try:
            # RFC7662-4/expired RFC7662-4/signature
            token = await genuine_access_token(presented, self.server, self.now)
        except InvalidToken:
            return await self._of_refresh_token(presented)
        if not self._may_ask_for_own(token.client_id) and not await self._is_meant(token):
            return INACTIVE  # RFC7662-4/audience RFC9701-5/inactive
        holder = await holder_of(token, self.server, self.now)
        if holder is None:
            return INACTIVE  # RFC7662-4/revoked RFC7662-2.2/inactive RFC7662-2.2/nothing-more
        # RFC7662-2.2/members
        mapped = {} if is_readable(presented) else await self._mapped(token, holder)
        if holder.end_user is None:
            return access_token_response(token, None, mapped)
        if self.client.openid.subject_type is SubjectType.PUBLIC:
            return access_token_response(token, holder.end_user.username, mapped)
        # Whoever shall not recognise an end-user learns neither the name nor another's `sub`: OIDCC-8/pairwise
        told = await subject_for(self.client, holder.end_user.subject, self.server)
        return access_token_response(token, None, mapped) | {"sub": told}

    async def _mapped(self, token: AccessToken, holder: Holder) -> Mapping[str, object]:
        """Return what the caller's own resource servers want to know of now; nothing where it speaks for none.

        An opaque token does not carry it and an encrypted one hides it: from its client, and from other audiences.
        """
        resources = await self._own_resources(token)
        authorization = None if holder.stored is None else holder.stored.authorization
        return mapped_claims(resources, token.scope, ClaimFacts(holder.client, holder.end_user, authorization))

    def _may_ask_for_own(self, client_id: str) -> bool:
        rule = self.server.policy_for(self.client).introspection
        return client_id == self.client.client_id and rule is IntrospectionRule.AUDIENCE_OR_OWN

    async def _is_meant(self, token: AccessToken) -> bool:
        return bool(await self._own_resources(token))

    async def _own_resources(self, token: AccessToken) -> tuple[Resource, ...]:
        """Return those of the token's audiences that the caller speaks for."""
        found = [await self.server.stores.resources.find(identifier) for identifier in token.audience]
        return tuple(
            resource
            for resource in found
            if resource is not None
            and not resource.disabled
            and self.client.client_id in resource.introspection_client_ids
        )

    async def _of_refresh_token(self, presented: str) -> Mapping[str, object]:
        """A refresh token is for its client and for us alone; no resource server learns that it exists."""
        found = await self.server.stores.refresh_tokens.find(OpaqueToken.presented(presented).digest())
        if found is None or not self._may_ask_for_own(found.token.client_id):
            return INACTIVE
        token, authorization, end_user = found.token, found.stored.authorization, found.end_user
        is_over = token.superseded_at is not None or self.now >= token.expires_at
        if (
            is_over
            or found.stored.standing(self.now) is not Standing.ALIVE
            or end_user is None
            or end_user.disabled
        ):
            return INACTIVE
        if not await is_session_live(authorization, self.client, self.server, self.now):
            return INACTIVE
        told = await subject_for(self.client, authorization.subject, self.server)  # OIDCC-8/pairwise
        return {
            "active": True,
            "iss": self.server.issuer.url,
            "sub": told,
            "client_id": token.client_id,
            **({"username": end_user.username} if told == authorization.subject else {}),
            "scope": str(authorization.scope),
            "iat": token.created_at,
            "exp": token.expires_at,
        }
