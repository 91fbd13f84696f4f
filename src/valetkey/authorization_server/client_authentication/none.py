"""`none`: a public client only says who it is (RFC 6749, 3.2.1; OAuth 2.1, 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.client_authentication.method import Credentials
from valetkey.authorization_server.model import AuthenticationMethod
from valetkey.oauth.types import ClientId

if TYPE_CHECKING:
    from valetkey.authorization_server.client_authentication.method import Expectation
    from valetkey.authorization_server.decision import BurnJti
    from valetkey.authorization_server.model import Client
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.parameters import Parameters
    from valetkey.oauth.types import SecretText

_PROOFS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


class NoAuthentication:
    """A `client_id` and nothing that would prove it."""

    name = AuthenticationMethod.NONE

    def parse(self, request: HttpRequest, form: Parameters) -> Credentials | None:
        """Return the client that the form names, where the request carries no proof of any kind."""
        client_id = form.get("client_id")
        if client_id is None or not _PROOFS.isdisjoint(form.names()) or request.all_headers(b"authorization"):
            return None
        return Credentials(self.name, ClientId(client_id))

    def verify(self, proof: SecretText | None, client: Client, expected: Expectation) -> tuple[BurnJti, ...]:
        """Accept: what such a client may do, its grants decide."""
        del proof, client, expected
        return ()
