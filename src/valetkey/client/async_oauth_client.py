"""AsyncOAuthClient: every flow of a client, asynchronous; each method is one conversation (OAuth 2.1, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.client import device, introspection, revocation, signing_out, token_exchange
from valetkey.client.async_connection import AsyncConnection
from valetkey.client.code_flow import ENTROPY_OCTETS, CodeFlow
from valetkey.client.exchange import client_credentials_form, redeem, refresh_form
from valetkey.client.revocation import Kind
from valetkey.client.signed_in import finish_code
from valetkey.jose.entropy import random_octets
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from valetkey.client.code_flow import StartedCodeFlow
    from valetkey.client.device import DeviceAuthorization
    from valetkey.client.exchange import TokenResponse
    from valetkey.client.introspection import Introspected
    from valetkey.client.signed_in import SignedIn
    from valetkey.client.token_exchange import Exchange


class AsyncOAuthClient(AsyncConnection):
    """A client of one issuer, for one event loop.

    It is made as an AsyncConnection is: of the issuer, the `client_id`, and how the client authenticates.

    Every method raises FlowError and nothing else: ServerRefused is the server's no, ServerUnreachable means that
    nothing was decided, ResponseRejected that the answer breaks a rule. A `scope` is a text with spaces between
    names; a malformed one raises OAuthError before anything is sent.
    """

    async def start_code(
        self, redirect_uri: str, scope: str, *, resource: str | None = None, **parameters: str
    ) -> StartedCodeFlow:
        """Begin a sign-in: send the browser to `url` of the answer, and keep the answer for `finish_code`.

        `parameters` are further ones of the request, such as `prompt` and `login_hint`.
        """
        flow = CodeFlow(
            (await self.party()).server,
            self.registration.client_id,
            redirect_uri,
            Scope.parse(scope),
            resource,
            parameters=tuple(parameters.items()),
        )
        return flow.start(random_octets(ENTROPY_OCTETS))

    async def finish_code(self, started: StartedCodeFlow, query: str) -> SignedIn:
        """Redeem the code that stands in the query of the redirect, and verify who signed in (RFC 9207, 2.4)."""
        return await self.run(finish_code, started, query)

    async def start_device(self, scope: str, *, resource: str | None = None) -> DeviceAuthorization:
        """Begin a sign-in on another device: show `user_code` and `verification_uri` (RFC 8628, 3.1)."""
        return await self.run(device.start_device, Scope.parse(scope), resource)

    async def finish_device(self, started: DeviceAuthorization) -> TokenResponse:
        """Wait until the end-user decided: ServerRefused `access_denied`, or TimedOut (RFC 8628, 3.4)."""
        return await self.run(device.poll_device, started)

    async def client_credentials(self, scope: str = "", *, resource: str | None = None) -> TokenResponse:
        """Return a token for the client itself; AsyncMachineTokens keeps one as long as it is good."""
        asked = Scope.parse(scope)
        return await self.run(redeem, client_credentials_form(asked, resource), asked)

    async def refresh(self, refresh_token: str, scope: str = "", *, resource: str | None = None) -> TokenResponse:
        """Use a refresh token, once; AsyncKeptTokens does it safely when several programs share one."""
        asked = Scope.parse(scope)
        return await self.run(redeem, refresh_form(refresh_token, asked, resource), asked)

    async def exchange(self, asked: Exchange) -> TokenResponse:
        """Return a token that was issued for another (RFC 8693)."""
        return await self.run(token_exchange.exchange, asked)

    async def revoke(self, token: str, kind: Kind = Kind.REFRESH_TOKEN) -> None:
        """Give a token back; ServerUnreachable means that it still lives (RFC 7009)."""
        await self.run(revocation.revoke, token, kind)

    async def introspect(self, token: str) -> Introspected:
        """Ask whether a token is good, and what it says (RFC 7662)."""
        return await self.run(introspection.introspect, token)

    async def introspect_signed(self, token: str) -> Introspected:
        """Ask, and believe only an answer that the server signed for this client (RFC 9701)."""
        return await self.run(introspection.introspect_signed, token)

    async def sign_out_url(
        self, id_token: str | None, post_logout_redirect_uri: str | None = None, state: str | None = None
    ) -> str:
        """Return where the browser signs out at the server too; keep no token of the end-user any longer."""
        return signing_out.sign_out_url(await self.party(), id_token, post_logout_redirect_uri, state)
