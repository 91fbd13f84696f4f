"""The client's side of the flows, sans I/O: what to send, and what to make of the answer."""

from valetkey.client.code_flow import CodeFlow, StartedCodeFlow
from valetkey.client.exchange import (
    FlowError,
    FormPost,
    Server,
    TokenResponse,
    client_credentials_request,
    refresh_request,
)
from valetkey.client.id_token import verify_id_token

__all__ = [
    "CodeFlow",
    "FlowError",
    "FormPost",
    "Server",
    "StartedCodeFlow",
    "TokenResponse",
    "client_credentials_request",
    "refresh_request",
    "verify_id_token",
]
