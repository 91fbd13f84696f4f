"""What tests register by themselves: good metadata, and the answer to it (RFC 7591)."""

from collections.abc import Mapping
from typing import Any

from support.house import House, document
from valetkey.authorization_server.decision import AddRegistrationToken
from valetkey.authorization_server.self_registration.changes import RegistrationToken
from valetkey.oauth.types import GrantType, NumericDate, OpaqueToken, Scope

METADATA: Mapping[str, object] = {
    "redirect_uris": ["https://inspector.example/callback"],
    "client_name": "Inspector",
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "scope": "openid albums.read",
}
PUBLIC: Mapping[str, object] = {**METADATA, "token_endpoint_auth_method": "none"}


async def registered(house: House, bearer: str | None = None, /, **changes: object) -> dict[str, Any]:
    """Register with METADATA and `changes`, and return the answer; None leaves a member out."""
    merged = {name: value for name, value in {**METADATA, **changes}.items() if value is not None}
    response = await house.speak("POST", "/register", merged, bearer)
    assert response.status == 201, response.body
    return document(response)


async def refused(house: House, bearer: str | None = None, /, **changes: object) -> tuple[int, str]:
    """Register likewise, and return status and error of the refusal."""
    merged = {name: value for name, value in {**METADATA, **changes}.items() if value is not None}
    response = await house.speak("POST", "/register", merged, bearer)
    return response.status, str(document(response).get("error"))


async def initial_token(
    house: House,
    name: str = "1",
    *,
    uses: int | None = None,
    lifetime: int = 3_600,
    scope: str | None = None,
    grant_types: tuple[str, ...] = (),
) -> str:
    """Add an initial access token, and return it."""
    token = OpaqueToken.presented("vk_iat_" + name * 43)
    now = house.clock.now
    row = RegistrationToken(
        f"token {name}",
        token.digest(),
        now,
        NumericDate(now + lifetime),
        uses,
        None if scope is None else Scope.parse(scope),
        frozenset(map(GrantType, grant_types)),
    )
    await house.commit(AddRegistrationToken(row))
    return token.reveal()
