"""`client_secret_basic`: id and secret in the `Authorization` header (RFC 6749, 2.3.1; RFC 7617)."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from valetkey.authorization_server.client_authentication.client_secret_post import is_secret_of
from valetkey.authorization_server.client_authentication.method import (
    Credentials,
    invalid_client_in_header,
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

_ENCODED: Final = frozenset("%+")
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class ClientSecretBasic:
    """Both parts are form-encoded before they are joined, so both are decoded here."""

    name = AuthenticationMethod.CLIENT_SECRET_BASIC

    def parse(self, request: HttpRequest, form: Parameters) -> Credentials | None:
        """Return the credentials of the `Authorization` header; another scheme is refused, not passed over."""
        del form
        found = request.all_headers(b"authorization")
        if not found:
            return None
        if len(found) > 1:
            raise invalid_request("There is more than one Authorization header.", "RFC6749-2.3/one-method")
        scheme, _, encoded = found[0].partition(" ")
        if scheme.lower() != "basic":
            raise invalid_client_in_header("scheme")
        try:
            joined = b64decode(encoded.strip(), validate=True).decode("utf-8")
            client_id, separator, secret = joined.partition(":")
            if not separator or _BAD_PERCENT.search(joined):
                raise invalid_client_in_header("malformed")
            if _ENCODED.isdisjoint(joined):
                return Credentials(self.name, ClientId(client_id), SecretText(secret))
            return Credentials(  # RFC6749-2.3.1/basic
                self.name,
                ClientId(unquote_plus(client_id, errors="strict")),
                SecretText(unquote_plus(secret, errors="strict")),
            )
        except ValueError:
            raise invalid_client_in_header("malformed") from None

    def verify(self, proof: SecretText | None, client: Client, expected: Expectation) -> tuple[BurnJti, ...]:
        """Compare with each of the client's live secrets, in constant time."""
        if not is_secret_of(client, proof, expected.now):
            raise invalid_client_in_header("secret")
        return ()
