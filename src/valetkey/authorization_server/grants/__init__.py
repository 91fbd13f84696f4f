"""The table of grants: a grant that is not listed here does not exist, in no endpoint and in no metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from valetkey.authorization_server.grants.authorization_code import AuthorizationCodeGrant
from valetkey.authorization_server.grants.client_credentials import ClientCredentialsGrant
from valetkey.authorization_server.grants.device_code import DeviceCodeGrant
from valetkey.authorization_server.grants.jwt_bearer import JwtBearerGrant
from valetkey.authorization_server.grants.password import PasswordGrant
from valetkey.authorization_server.grants.refresh_token import RefreshTokenGrant
from valetkey.authorization_server.grants.token_exchange import TokenExchangeGrant

if TYPE_CHECKING:
    from valetkey.authorization_server.grants.grant import Grant
    from valetkey.oauth.types import GrantType

_ROWS: Final[tuple[Grant[Any, Any], ...]] = (
    AuthorizationCodeGrant(),
    ClientCredentialsGrant(),
    DeviceCodeGrant(),
    RefreshTokenGrant(),
    TokenExchangeGrant(),
    JwtBearerGrant(),
    PasswordGrant(),
)

GRANTS: Final[dict[GrantType, Grant[Any, Any]]] = {grant.grant_type: grant for grant in _ROWS}
"""Every grant by its grant_type; each pairs what it parses with what it judges, so the table need not know."""
