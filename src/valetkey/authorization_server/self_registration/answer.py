"""The client information response: what was registered, with what proves and manages it (RFC 7591, 3.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from valetkey.authorization_server import paths
from valetkey.authorization_server.client_algorithms import DEFAULT_ENCRYPTION
from valetkey.authorization_server.openid_client import members_of
from valetkey.authorization_server.self_registration.judging import CODE
from valetkey.oauth.authentication_method import ALGORITHMS_OF
from valetkey.oauth.client_members import CLIENT_MEMBERS

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client, SelfRegistration
    from valetkey.oauth.types import Issuer, OpaqueToken

_ENCRYPTIONS: Final = frozenset(each.name for each in CLIENT_MEMBERS if each.name.endswith("_enc"))


def client_information(
    client: Client,
    registration: SelfRegistration,
    access_token: OpaqueToken,
    secret: OpaqueToken | None,
    issuer: Issuer,
) -> dict[str, object]:
    """Return the JSON object; `secret` is the one that was drawn for this answer, and shown in no other."""
    document: dict[str, object] = {
        "client_id": client.client_id,
        "client_id_issued_at": registration.registered_at,
        "registration_access_token": access_token.reveal(),  # RFC7592-3/response
        "registration_client_uri": management_uri(client, issuer),
        "client_name": client.name,
        "application_type": client.application_type.value,
        "token_endpoint_auth_method": client.authentication_method.value,
        "grant_types": sorted(client.grant_types),
        "redirect_uris": list(client.redirect_uris),
        "scope": str(client.scope),
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "introspection_signed_response_alg": client.introspection_signed_response_alg,
        **_openid_members(client),
    }
    if secret is not None:
        # 0: it lives until another takes its place: RFC7591-3.2.1/secret-expiry
        document |= {"client_secret": secret.reveal(), "client_secret_expires_at": 0}
    if client.post_logout_redirect_uris:
        document["post_logout_redirect_uris"] = list(client.post_logout_redirect_uris)
    if client.authentication_method in ALGORITHMS_OF and client.authentication_signing_alg is not None:
        document["token_endpoint_auth_signing_alg"] = client.authentication_signing_alg
    if client.jwks is not None:
        document["jwks"] = client.jwks.as_dict()
    if client.jwks_uri is not None:
        document["jwks_uri"] = client.jwks_uri
    return document | dict(registration.described)  # RFC7591-3.2.1/response OIDCR-3.2/response


def _openid_members(client: Client) -> dict[str, object]:
    """Return what was registered, and the defaults that take the place of what was left out."""
    openid = client.openid
    types = openid.response_types
    if types is None:
        types = ("code",) if CODE in client.grant_types else ()
    found = {"subject_type": openid.subject_type.value, **members_of(openid), "response_types": list(types)}
    for alg in (name for name in members_of(openid) if name.endswith("_alg")):
        enc = alg.removesuffix("alg") + "enc"
        if enc in _ENCRYPTIONS and enc not in found:
            found[enc] = DEFAULT_ENCRYPTION
    return found


def management_uri(client: Client, issuer: Issuer) -> str:
    """Return where the client manages its registration (RFC 7592, 2)."""
    return issuer.endpoint(f"{paths.REGISTRATION}/{quote(client.client_id, safe='')}")
