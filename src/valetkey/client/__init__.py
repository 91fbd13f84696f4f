"""The client's side of OAuth 2.1 and OpenID Connect: flows sans I/O, and faces over HTTP, sync and async."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

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
    ExchangeRefused,
    FlowError,
    ResponseRejected,
    ServerRefused,
    ServerUnreachable,
    SignInNeeded,
    StoreFailed,
    TimedOut,
)
from valetkey.client.exchange import Party, TokenResponse, token_post
from valetkey.client.flow import AsyncTokenStore, OutgoingRequest, TokenStore
from valetkey.client.id_token import verify_id_token
from valetkey.client.introspection import Introspected
from valetkey.client.logout_token import EndedSessions, LogoutReceiver, MemorySeenTokens, SeenTokens
from valetkey.client.revocation import Kind
from valetkey.client.signed_in import SignedIn
from valetkey.client.signed_in_sessions import SignedInSessions
from valetkey.client.step_up import StepUp, step_up_of
from valetkey.client.token_exchange import Exchange, TokenType

if TYPE_CHECKING:
    from valetkey.client.async_loopback import async_sign_in
    from valetkey.client.async_narrowed_tokens import AsyncNarrowedTokens
    from valetkey.client.async_oauth_client import AsyncOAuthClient
    from valetkey.client.async_sources import AsyncKeptTokens, AsyncMachineTokens
    from valetkey.client.file_store import FileTokenStore
    from valetkey.client.httpx_auth import AsyncBearerAuth, BearerAuth
    from valetkey.client.loopback import sign_in
    from valetkey.client.memory_store import MemoryTokenStore
    from valetkey.client.narrowed_tokens import NarrowedTokens
    from valetkey.client.oauth_client import OAuthClient
    from valetkey.client.requests_auth import RequestsBearerAuth
    from valetkey.client.sources import KeptTokens, MachineTokens

__all__ = [
    "AsyncBearerAuth",
    "AsyncKeptTokens",
    "AsyncMachineTokens",
    "AsyncNarrowedTokens",
    "AsyncOAuthClient",
    "AsyncTokenStore",
    "BearerAuth",
    "ClientAuthentication",
    "ClientSecretBasic",
    "ClientSecretJwt",
    "ClientSecretPost",
    "CodeFlow",
    "Credentials",
    "DeviceAuthorization",
    "EndedSessions",
    "Exchange",
    "ExchangeRefused",
    "FileTokenStore",
    "FlowError",
    "Introspected",
    "KeptTokens",
    "Kind",
    "LogoutReceiver",
    "MachineTokens",
    "MemorySeenTokens",
    "MemoryTokenStore",
    "NarrowedTokens",
    "NoAuthentication",
    "OAuthClient",
    "OutgoingRequest",
    "Party",
    "PrivateKeyJwt",
    "Registration",
    "RequestsBearerAuth",
    "ResponseRejected",
    "SeenTokens",
    "Server",
    "ServerRefused",
    "ServerUnreachable",
    "SignInNeeded",
    "SignedIn",
    "SignedInSessions",
    "StartedCodeFlow",
    "StepUp",
    "StoreFailed",
    "TimedOut",
    "TokenResponse",
    "TokenStore",
    "TokenType",
    "async_sign_in",
    "sign_in",
    "step_up_of",
    "token_post",
    "verify_id_token",
]

_SHELLS: Final = {
    "AsyncBearerAuth": "httpx_auth",
    "AsyncKeptTokens": "async_sources",
    "AsyncMachineTokens": "async_sources",
    "AsyncNarrowedTokens": "async_narrowed_tokens",
    "AsyncOAuthClient": "async_oauth_client",
    "BearerAuth": "httpx_auth",
    "FileTokenStore": "file_store",
    "KeptTokens": "sources",
    "MachineTokens": "sources",
    "MemoryTokenStore": "memory_store",
    "NarrowedTokens": "narrowed_tokens",
    "OAuthClient": "oauth_client",
    "RequestsBearerAuth": "requests_auth",
    "async_sign_in": "async_loopback",
    "sign_in": "loopback",
}


def __getattr__(name: str) -> object:
    # The shells bring threads, event loops and an HTTP client: who only builds requests does not pay for that.
    if name in _SHELLS:
        return getattr(import_module(f"valetkey.client.{_SHELLS[name]}"), name)
    raise AttributeError(name)
