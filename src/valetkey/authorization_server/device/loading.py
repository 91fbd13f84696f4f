"""Load, then decide, for whatever goes on with a visit to the device page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server import paths
from valetkey.authorization_server.authorization.interaction import NeedLogin, other_browser
from valetkey.authorization_server.authorization.loading import page_path
from valetkey.authorization_server.browser import live_sessions
from valetkey.authorization_server.device.judging import DeviceDecision, DeviceRequest, decide
from valetkey.authorization_server.device.visit import code_of
from valetkey.jose.records import dataclass
from valetkey.oauth.http import see_other

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.loading import Visit
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpResponse


@dataclass(frozen=True, slots=True)
class DeviceVisit:
    """What a visit is about and what it needs next; `client` is None for one that was removed."""

    asked: DeviceRequest
    decision: DeviceDecision

    @property
    def client(self) -> Client | None:
        """The client of the device."""
        return self.asked.client


async def judged_visit(visit: Visit, server: AuthorizationServer, fresh: Fresh) -> DeviceVisit:
    """Judge a visit with the configuration of now; raises PageRefusal."""
    if visit.interaction is None:
        raise other_browser()
    stores = server.stores
    found = await stores.device_codes.find(code_of(visit.interaction))
    client = None if found is None else await server.find_client(found.code.client_id)
    sessions = await live_sessions(visit.browser, server, fresh.now)
    asked = DeviceRequest(visit.interaction, found, client, sessions, await stores.resources.list())
    policy = server.policy if client is None else server.policy_for(client)
    return DeviceVisit(asked, decide(asked, policy, fresh.now))


async def next_page(visit: Visit, handle: str, server: AuthorizationServer, fresh: Fresh) -> HttpResponse:
    """Return the redirect to the page that a visit needs next; raises PageRefusal."""
    judged = await judged_visit(visit, server, fresh)
    path = paths.LOGIN if isinstance(judged.decision, NeedLogin) else paths.DEVICE
    return see_other(page_path(server, path, handle, visit.parameters))
