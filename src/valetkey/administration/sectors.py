"""Sector identifier documents of the clients that operators keep: asked, or told where they say nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from valetkey.administration.refusal import ActRefused
from valetkey.authorization_server.decision import Changes, PutClient
from valetkey.authorization_server.sector_identifier import UnprovenSector, prove_sector

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.ports import EventLog, OutboundFetch
    from valetkey.oauth.types import TenantId


async def refuse_unproven_sector(client: Client, held: Client | None, outbound: OutboundFetch) -> None:
    """Ask the document of a client's `sector_identifier_uri`, where what it proves is new; raises ActRefused."""
    if held is not None and _claim(client) == _claim(held):
        return
    try:
        await prove_sector(client, outbound)
    except UnprovenSector as failure:
        raise ActRefused(f"sector_identifier_uri: {failure.text}: {failure.detail}") from None


async def announce_unproven_sectors(
    tenant_id: TenantId, changes: Changes, outbound: OutboundFetch, log: EventLog
) -> None:
    """Write a line for each client of `changes` whose document does not prove its sector.

    No more than a line: somebody else's host, which may be down, does not keep a server from its start. What a file
    declares, its operator vouches for.
    """
    clients = [change.client for change in changes if isinstance(change, PutClient)]
    faults = await asyncio.gather(*(_fault(client, outbound) for client in clients))
    for client, fault in zip(clients, faults, strict=True):
        if fault is not None:
            log.write("client.sector_unproven", tenant=tenant_id, client_id=client.client_id, why=fault)


async def _fault(client: Client, outbound: OutboundFetch) -> str | None:
    try:
        await prove_sector(client, outbound)
    except UnprovenSector as failure:
        return f"{failure.text}: {failure.detail}"
    return None


def _claim(client: Client) -> tuple[object, ...]:
    return client.openid.sector_identifier_uri, client.redirect_uris
