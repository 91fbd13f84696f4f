"""ServerMetadata: what an authorization server says about itself (RFC 8414, 2; OpenID Connect Discovery, 3)."""

from __future__ import annotations

from dataclasses import fields

from valetkey.jose.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMetadata:
    """The members that we publish, under their registered names."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    device_authorization_endpoint: str | None
    """RFC 8628, 4; None where no device may ask."""
    userinfo_endpoint: str
    introspection_endpoint: str
    revocation_endpoint: str
    end_session_endpoint: str
    check_session_iframe: str | None
    """OpenID Connect Session Management, 3.3; None where nobody may watch the login state."""
    frontchannel_logout_supported: bool
    frontchannel_logout_session_supported: bool
    """Front-Channel Logout, 3: whether frames are told `iss` and `sid`."""
    backchannel_logout_supported: bool
    backchannel_logout_session_supported: bool
    """Back-Channel Logout, 2.1: whether logout tokens have a `sid`."""
    jwks_uri: str
    registration_endpoint: str | None
    """RFC 7591, 3; None where no client may register itself."""
    scopes_supported: tuple[str, ...]
    response_types_supported: tuple[str, ...]
    response_modes_supported: tuple[str, ...]
    grant_types_supported: tuple[str, ...]
    subject_types_supported: tuple[str, ...]
    id_token_signing_alg_values_supported: tuple[str, ...]
    id_token_encryption_alg_values_supported: tuple[str, ...]
    id_token_encryption_enc_values_supported: tuple[str, ...]
    userinfo_signing_alg_values_supported: tuple[str, ...]
    userinfo_encryption_alg_values_supported: tuple[str, ...]
    userinfo_encryption_enc_values_supported: tuple[str, ...]
    token_endpoint_auth_methods_supported: tuple[str, ...]
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...]
    introspection_endpoint_auth_methods_supported: tuple[str, ...]
    introspection_endpoint_auth_signing_alg_values_supported: tuple[str, ...]
    introspection_signing_alg_values_supported: tuple[str, ...]
    """RFC 9701, 7."""
    revocation_endpoint_auth_methods_supported: tuple[str, ...]
    revocation_endpoint_auth_signing_alg_values_supported: tuple[str, ...]
    code_challenge_methods_supported: tuple[str, ...]
    prompt_values_supported: tuple[str, ...]
    acr_values_supported: tuple[str, ...]
    """RFC 9470, 7."""
    claims_supported: tuple[str, ...]
    claim_types_supported: tuple[str, ...]
    client_id_metadata_document_supported: bool
    """Client ID Metadata Document, 5."""
    authorization_response_iss_parameter_supported: bool
    """RFC 9207, 3."""
    claims_parameter_supported: bool
    request_parameter_supported: bool = False
    request_uri_parameter_supported: bool = False
    """Its absence would mean true (OpenID Connect Discovery, 3)."""
    require_request_uri_registration: bool = False
    request_object_signing_alg_values_supported: tuple[str, ...] = ()
    request_object_encryption_alg_values_supported: tuple[str, ...] = ()
    request_object_encryption_enc_values_supported: tuple[str, ...] = ()
    display_values_supported: tuple[str, ...] = ()
    ui_locales_supported: tuple[str, ...] = ()
    """The languages of the pages (BCP 47)."""

    def as_document(self) -> dict[str, object]:
        """Return the JSON object; what there is none of is left out, as a list without elements (RFC 8414, 3.2)."""
        members = {field.name: getattr(self, field.name) for field in fields(self)}
        # RFC8414-3.2/zero-elements OIDCD-4.2/zero-elements
        return {name: value for name, value in members.items() if value is not None and value != ()}
