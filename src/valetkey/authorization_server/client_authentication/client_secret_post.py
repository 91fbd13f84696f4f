"""`client_secret_post`: id and secret in the form (RFC 6749, 2.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.client_authentication.method import (
    Credentials,
    invalid_client,
    invalid_request,
)
from valetkey.authorization_server.model import AuthenticationMethod
from valetkey.oauth.types import ClientId, SecretText

if TYPE_CHECKING:
    from valetkey.authorization_server.client_authentication.method import Expectation
    from valetkey.authorization_server.decision import BurnJti
    from valetkey.authorization_server.model import Client
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.parameters import Parameters
    from valetkey.oauth.types import NumericDate


class ClientSecretPost:
    """The form carries `client_id` and `client_secret`."""

    name = AuthenticationMethod.CLIENT_SECRET_POST

    def parse(self, request: HttpRequest, form: Parameters) -> Credentials | None:
        """Return the credentials of the form."""
        del request
        secret = form.get("client_secret")
        if secret is None:
            return None
        client_id = form.get("client_id")
        if client_id is None:
            raise invalid_request("A client_secret came without a client_id.", "RFC6749-2.3.1/client-id")
        return Credentials(self.name, ClientId(client_id), SecretText(secret))

    def verify(self, proof: SecretText | None, client: Client, expected: Expectation) -> tuple[BurnJti, ...]:
        """Compare with each of the client's live secrets, in constant time."""
        if not is_secret_of(client, proof, expected.now):
            raise invalid_client("secret")
        return ()


def is_secret_of(client: Client, presented: SecretText | None, now: NumericDate) -> bool:
    """Say whether `presented` is one of the secrets of `client` that have not expired (RFC 7591, 3.2.1)."""
    return presented is not None and any(
        secret.digest.matches(presented) for secret in client.secrets if secret.is_live(now)
    )
