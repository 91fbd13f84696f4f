"""The client's side of OAuth 2.1 and OpenID Connect: flows sans I/O, and faces over HTTP, sync and async."""

from valetkey.client.authentication import (
    ClientAuthentication,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    Credentials,
    NoAuthentication,
    PrivateKeyJwt,
    Registration,
)
from valetkey.client.code_flow import CodeFlow, StartedCodeFlow
from valetkey.client.device import DeviceAuthorization
from valetkey.client.discovery import Server
from valetkey.client.errors import (
    FlowError,
    ResponseRejected,
    ServerRefused,
    ServerUnreachable,
    SignInNeeded,
    StoreFailed,
    TimedOut,
)
from valetkey.client.exchange import Party, TokenResponse, token_post
from valetkey.client.flow import OutgoingRequest, TokenStore
from valetkey.client.id_token import verify_id_token
from valetkey.client.introspection import Introspected
from valetkey.client.revocation import Kind
from valetkey.client.sign_in import SignedIn
from valetkey.client.token_exchange import Exchange, TokenType

__all__ = [
    "ClientAuthentication",
    "ClientSecretBasic",
    "ClientSecretJwt",
    "ClientSecretPost",
    "CodeFlow",
    "Credentials",
    "DeviceAuthorization",
    "Exchange",
    "FlowError",
    "Introspected",
    "Kind",
    "NoAuthentication",
    "OutgoingRequest",
    "Party",
    "PrivateKeyJwt",
    "Registration",
    "ResponseRejected",
    "Server",
    "ServerRefused",
    "ServerUnreachable",
    "SignInNeeded",
    "SignedIn",
    "StartedCodeFlow",
    "StoreFailed",
    "TimedOut",
    "TokenResponse",
    "TokenStore",
    "TokenType",
    "token_post",
    "verify_id_token",
]
