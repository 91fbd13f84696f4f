"""How UserInfo answers: with a JSON object, or with a JWT where the client registered that (Core, 5.3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.client_algorithms import userinfo_form
from valetkey.authorization_server.client_text import text_for
from valetkey.oauth.http import HttpResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import NumericDate

_TYP: Final = "JWT"
_MEDIA_TYPE: Final = ("content-type", "application/jwt")


async def userinfo_response(
    claims: Mapping[str, object],
    client: Client,
    headers: tuple[tuple[str, str], ...],
    server: AuthorizationServer,
    now: NumericDate,
) -> HttpResponse:
    """Return the answer that tells `client` these claims; raises NoClientKey and Unavailable.

    A JWT of them names us and the client. It bears no `exp` and no `iat`: nobody takes it for an ID Token.
    """
    form = userinfo_form(client)
    if form.is_json:
        return json_response(200, claims, headers)  # OIDCC-5.3.2/content-type
    # OIDCC-5.3.2/signed-claims
    addressed = {**claims, "iss": server.issuer.url, "aud": client.client_id}
    text = await text_for(client, addressed, form, server, now, typ=_TYP)
    return HttpResponse(200, (_MEDIA_TYPE, *headers), text.encode("ascii"))  # OIDCC-5.3.2/jwt
