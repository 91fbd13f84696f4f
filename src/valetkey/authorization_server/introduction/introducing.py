"""The one door of clients that introduce themselves: a document is read where they ask for something (CIMD, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.budgets import Budget, counted, network_of, wait_for
from valetkey.authorization_server.introduction.document import UnfitDocument, introduced_client
from valetkey.authorization_server.key_algorithms import client_key_faults
from valetkey.authorization_server.outbound import Unfetchable
from valetkey.authorization_server.rights import END_USER_SCOPES
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import ClientId, Scope

if TYPE_CHECKING:
    from collections.abc import Collection

    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import NumericDate

BURST: Final = 20
INTERVAL: Final = 6
"""Seconds until one more document is read for the same network of the Internet."""


class UnreadableClient(OAuthError):
    """The client's document cannot be had, or makes no client: what it answered is told to the log alone."""

    def __init__(self, detail: str, retry_after: int = 0) -> None:
        super().__init__(
            ErrorCode.INVALID_CLIENT,
            "The document of the client cannot be used.",
            "CIMD-4.3/abort",
            detail=detail,
            headers=(("retry-after", str(retry_after)),) if retry_after else (),
        )
        self.is_throttled = retry_after > 0


async def find_or_introduce(
    client_id: ClientId, source: str, server: AuthorizationServer, now: NumericDate
) -> Client | None:
    """Return the client that an operator keeps, else the one whose document stands at the URL; None for neither.

    `source` is the address from which the client is named. Raises UnreadableClient, and Unavailable.
    """
    stored = await server.stores.clients.find(client_id)
    if stored is not None or not server.may_introduce_itself(client_id):
        return stored
    if not server.client_documents.is_fresh(client_id, now):
        await _count(source, server, now)
    try:
        metadata = await server.client_documents.find(client_id, now)  # CIMD-4/fetch
        return _signable(
            introduced_client(client_id, metadata, await _permitted(server), server.policy),
            await server.signer.algorithms(),
        )
    except (Unfetchable, UnfitDocument) as failure:
        if isinstance(failure, UnfitDocument):
            server.client_documents.forget(client_id)
        server.log.write("client.refused", client_id=client_id, why=failure.detail)
        raise UnreadableClient(failure.detail) from None


async def _count(source: str, server: AuthorizationServer, now: NumericDate) -> None:
    budgets = (Budget(f"client_document {network_of(source)}", INTERVAL, BURST),)
    wait = await wait_for(budgets, server.stores, now)
    if wait or not await server.stores.commit(counted(budgets, now)):
        raise UnreadableClient("too many documents were asked for from one address", wait or 1)


def _signable(client: Client, algorithms: Collection[str]) -> Client:
    for fault in client_key_faults(client, algorithms):
        raise UnfitDocument(f"{fault.field}: {fault.message}")
    return client


async def _permitted(server: AuthorizationServer) -> Scope:
    """Return the scope that whoever introduces themselves may ask for."""
    limit = server.tenant.registration_scope
    if limit is not None:
        return limit
    catalogue = await server.stores.resources.list()
    return Scope(END_USER_SCOPES.union(*(one.scopes for one in catalogue if not one.disabled)))
