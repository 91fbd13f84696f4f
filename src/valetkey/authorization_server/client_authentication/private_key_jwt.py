"""`private_key_jwt`: a client assertion, signed by the client's own key (RFC 7523, 2.2; OpenID Connect Core, 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.client_authentication.assertion import parse_assertion, verify_assertion
from valetkey.authorization_server.client_authentication.method import invalid_client
from valetkey.authorization_server.model import AuthenticationMethod

if TYPE_CHECKING:
    from valetkey.authorization_server.client_authentication.method import Credentials, Expectation
    from valetkey.authorization_server.decision import BurnJti
    from valetkey.authorization_server.model import Client
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.parameters import Parameters
    from valetkey.oauth.types import SecretText


class PrivateKeyJwt:
    """The form carries `client_assertion` and its type; `client_id` is optional."""

    name = AuthenticationMethod.PRIVATE_KEY_JWT

    def parse(self, request: HttpRequest, form: Parameters) -> Credentials | None:
        """Return the assertion, and the client that it says it is from."""
        del request
        return parse_assertion(form, self.name)

    def verify(self, proof: SecretText | None, client: Client, expected: Expectation) -> tuple[BurnJti, ...]:
        """Verify with the client's public keys."""
        keys = client.jwks if client.jwks_uri is None else expected.keys
        if proof is None or keys is None:
            raise invalid_client("keys")
        return verify_assertion(proof, client, expected, self.name, (keys,))
