"""`client_secret_jwt`: a client assertion under a MAC by the client's own secret (OpenID Connect Core, 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.client_authentication.assertion import parse_assertion, verify_assertion
from valetkey.authorization_server.client_authentication.method import invalid_client
from valetkey.authorization_server.client_secrets import mac_keys
from valetkey.authorization_server.model import AuthenticationMethod
from valetkey.jose import JoseError, jwt

if TYPE_CHECKING:
    from valetkey.authorization_server.client_authentication.method import Credentials, Expectation
    from valetkey.authorization_server.decision import BurnJti
    from valetkey.authorization_server.model import Client
    from valetkey.jose import JwkSet
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.parameters import Parameters
    from valetkey.oauth.types import SecretText


class ClientSecretJwt:
    """The form of `private_key_jwt`; the key is the UTF-8 of a secret, and each live one is tried."""

    name = AuthenticationMethod.CLIENT_SECRET_JWT

    def parse(self, request: HttpRequest, form: Parameters) -> Credentials | None:
        """Return the assertion, and the client that it says it is from."""
        del request
        return parse_assertion(form, self.name)

    def verify(self, proof: SecretText | None, client: Client, expected: Expectation) -> tuple[BurnJti, ...]:
        """Verify with the client's live secrets, which `expected` holds opened."""
        if proof is None:
            raise invalid_client("keys")
        return verify_assertion(proof, client, expected, self.name, _keys(proof.reveal(), expected))


def _keys(assertion: str, expected: Expectation) -> tuple[JwkSet, ...]:
    try:
        return mac_keys(jwt.peek(assertion).header, expected.secrets)
    except JoseError as error:
        raise invalid_client(error.code) from None
