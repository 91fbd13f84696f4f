"""Pairwise clients beside the seeded ones."""

from dataclasses import replace
from typing import Any

from support.house import House, clients
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import Client
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType


def pairwise(client_id: str = "web", **members: Any) -> Client:
    """Return the seeded client as one that knows end-users by its sector's own name."""
    openid = OpenIdMetadata(subject_type=SubjectType.PAIRWISE, **members)
    return replace(clients()[client_id], openid=openid)


async def make_pairwise(house: House, *client_ids: str) -> None:
    """Let seeded clients know end-users by names of their own."""
    await house.commit(*(PutClient(pairwise(each)) for each in client_ids))
