"""A client that signs its authorization requests: its row, its key, and objects that tests make faulty."""

from dataclasses import replace
from typing import Any

from support.house import ISSUER, MAC_SECRET, NOW, House, client_key, clients
from support.visitor import request_of
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import Client
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.jose import Jwk, JwkSet, jwt

TYP = "oauth-authz-req+jwt"
REFERENCE = "https://web.example/request.jwt"


def signing_client(**members: Any) -> Client:
    """Return the client `web`, which also has a key; `members` are OpenID Connect metadata."""
    known = {"request_uris": (REFERENCE,)} | members
    return replace(clients()["web"], jwks=JwkSet((client_key().public(),)), openid=OpenIdMetadata(**known))


async def let_sign(house: House, **members: Any) -> None:
    """Register the client `web` so that it may sign its requests."""
    await house.commit(PutClient(signing_client(**members)))


def request_claims(**changes: object) -> dict[str, object]:
    """Return the claims of a good request object of `web`; `changes` replace them, None leaves one out."""
    claims: dict[str, object] = {
        **request_of("web"),
        "iss": "web",
        "aud": ISSUER.url,
        "iat": NOW,
        "exp": NOW + 300,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def signed_request(key: Jwk | None = None, typ: str = TYP, **changes: object) -> str:
    """Return a request object, signed by the client's own key unless another is given."""
    return jwt.sign(request_claims(**changes), key or client_key(), typ=typ)


def mac_key(algorithm: str = "HS256") -> Jwk:
    """Return the secret of the client `mac` as the key that it is."""
    return Jwk.from_secret(MAC_SECRET.encode(), algorithm=algorithm)
