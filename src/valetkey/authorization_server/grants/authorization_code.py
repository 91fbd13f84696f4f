"""authorization_code: a code is redeemed, once, for tokens (OAuth 2.1, 4.1.3; RFC 7636, 4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from valetkey.authorization_server.decision import (
    EndUserIssue,
    RedeemCode,
    Refuse,
    RevokeAuthorization,
    SpendCode,
)
from valetkey.authorization_server.grants.grant import invalid_grant, is_alive
from valetkey.authorization_server.grants.refresh_token import first_link
from valetkey.authorization_server.model import Resource, StoredCode
from valetkey.authorization_server.policy import RedirectUriRepetition
from valetkey.authorization_server.rights import narrowed
from valetkey.jose.records import dataclass
from valetkey.oauth import pkce
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import GrantType, OpaqueToken, TokenDigest

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Decision
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import AuthorizationCode, Client
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.parameters import Parameters


@dataclass(frozen=True, slots=True)
class CodeRedemption:
    """What a token request asks for with a code."""

    digest: TokenDigest
    code_verifier: str | None = field(repr=False)
    redirect_uri: str | None
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What decides: the code with its authorization, and the resource servers of now."""

    found: StoredCode | None
    catalogue: Sequence[Resource]


class AuthorizationCodeGrant:
    """A code is redeemed, once, for tokens (OAuth 2.1, 4.1.3)."""

    grant_type = GrantType("authorization_code")
    parameters = frozenset({"code", "code_verifier", "redirect_uri", "resource"})
    repeatable = frozenset({"resource"})

    def parse(self, form: Parameters) -> CodeRedemption:
        """Return what was asked; a `scope` has no meaning here and is ignored."""
        code = OpaqueToken.presented(form.require("code", "RFC6749-4.1.3/code"))
        return CodeRedemption(
            code.digest(), form.get("code_verifier"), form.get("redirect_uri"), form.all("resource")
        )

    async def load(
        self, asked: CodeRedemption, client: Client, server: AuthorizationServer, fresh: Fresh, address: str
    ) -> CodeFacts:
        """Read the code, and the catalogue, which is cached."""
        del client, fresh, address
        return CodeFacts(await server.stores.codes.find(asked.digest), await server.stores.resources.list())

    def decide(
        self, asked: CodeRedemption, facts: CodeFacts, client: Client, policy: Policy, fresh: Fresh
    ) -> Decision:
        """Judge: a second use revokes what the first one bought; a wrong verifier spends the code."""
        found = facts.found
        if found is None or found.code.client_id != client.client_id:
            return Refuse(invalid_grant("The code was not issued to this client.", "RFC6749-5.2/other-client"))
        code, stored = found.code, found.stored
        if code.redeemed_at is not None:
            # A second use means that the code leaked: what the first use bought is unsafe too.
            revoked = stored.authorization.revoked_at is not None
            change = RevokeAuthorization(code.authorization_id, fresh.now)
            return Refuse(
                invalid_grant("The code was used before.", "RFC6749-4.1.2/single-use"),
                changes=() if revoked else (change,),
            )
        if fresh.now >= code.expires_at:
            return Refuse(invalid_grant("The code has expired.", "RFC6749-4.1.2/lifetime"))
        if not is_alive(stored, fresh.now):
            return Refuse(invalid_grant("What the code stands for was revoked.", "RFC6749-5.2/revoked"))
        refusal = _redirect_uri_refusal(asked, code, policy) or _verifier_refusal(asked, code, fresh)
        if refusal is not None:
            return refusal
        try:
            rights = narrowed(stored.authorization, None, asked.resources, client, facts.catalogue)
        except OAuthError as error:
            return Refuse(error)
        token, changes = first_link(stored.authorization, client, policy, fresh, code.confirmation)
        return EndUserIssue(
            stored,
            rights.scope,
            rights.resources,
            refresh_token=token,
            id_token_nonce_applies=True,
            changes=(RedeemCode(code.digest, fresh.now), *changes),
        )


def _redirect_uri_refusal(asked: CodeRedemption, code: AuthorizationCode, policy: Policy) -> Refuse | None:
    sent = asked.redirect_uri
    if sent is None:
        is_due = policy.redirect_uri_repetition is RedirectUriRepetition.REQUIRED_IF_SENT
        if not (is_due and code.redirect_uri_was_sent):
            return None
    elif code.redirect_uri_was_sent and sent == code.redirect_uri:
        return None
    return Refuse(
        invalid_grant("The redirect_uri is not that of the authorization request.", "RFC6749-4.1.3/redirect-uri")
    )


def _verifier_refusal(asked: CodeRedemption, code: AuthorizationCode, fresh: Fresh) -> Refuse | None:
    if code.code_challenge is None:
        if asked.code_verifier is None:
            return None
        # Somebody took the challenge out of the authorization request.
        return Refuse(
            invalid_grant("A code_verifier came, but the request had no code_challenge.", "RFC9700-4.8.2/downgrade")
        )
    if asked.code_verifier is None:
        return Refuse(invalid_grant("The code_verifier is missing.", "RFC7636-4.6/absent"))
    if pkce.matches(asked.code_verifier, code.code_challenge):
        return None
    # Whoever holds the code gets one guess.
    return Refuse(
        invalid_grant("The code_verifier does not answer the code_challenge.", "RFC7636-4.6"),
        changes=(SpendCode(code.digest, fresh.now),),
    )
