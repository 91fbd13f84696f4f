"""Behind a gateway the same decorators judge, by what the gateway asserts and by nothing else."""

from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.testclient import TestClient

from support.issuer import NOW, HeldKeys
from valetkey.gateway.assertion import AssertionSigner
from valetkey.integrations.fastapi import Guard
from valetkey.jose import Jwk, JwkSet
from valetkey.oauth.access_token import access_token_from_claims
from valetkey.resource_server import AccessToken, AssertedServer, RequestView

API, GATEWAY = "https://orders.internal", "https://gateway.example"
KEY = Jwk.generate("ES256", kid="g")


def _signed(target: str) -> str:
    claims: dict[str, object] = {
        "iss": "https://as.example",
        "sub": "alice",
        "aud": "https://api.example",
        "client_id": "web",
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "1",
        "scope": "orders:read",
    }
    signer = AssertionSigner(KEY, issuer=GATEWAY, audience=API, clock=lambda: NOW)
    return signer.sign(access_token_from_claims(claims), RequestView("GET", target))


def _application() -> TestClient:
    keys = HeldKeys(JwkSet((KEY.public(),)))
    guard = Guard.of(AssertedServer(API, gateway=GATEWAY, keys=keys, clock=lambda: NOW))
    app = FastAPI()
    app.router.routes.extend(guard.routes)

    @app.get("/orders/{number}")
    async def order(
        number: str, token: Annotated[AccessToken, Depends(guard.token("orders:read"))]
    ) -> dict[str, str]:
        return {"order": number, "asked_by": token.subject}

    return TestClient(app)


def test_who_asks_is_what_the_gateway_asserts_for_this_very_request() -> None:
    client = _application()
    headers = {"x-valetkey-assertion": _signed("/orders/7")}
    assert client.get("/orders/7", headers=headers).json() == {"order": "7", "asked_by": "alice"}
    assert client.get("/orders/7?page=2", headers=headers).status_code == 200
    assert client.get("/orders/8", headers=headers).status_code == 401
    assert client.get("/orders/7").status_code == 401
    assert client.get("/orders/7", headers={"authorization": f"Bearer {_signed('/orders/7')}"}).status_code == 401


def test_its_metadata_names_no_authorization_server() -> None:
    document = _application().get("/.well-known/oauth-protected-resource").json()
    assert document["resource"] == API
    assert "authorization_servers" not in document
