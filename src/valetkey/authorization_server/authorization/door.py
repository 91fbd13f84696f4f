"""What the sign-in page stands before: a client's request, a device's, or a visit to one's own account page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.account.visit import is_visit
from valetkey.authorization_server.authorization.interaction import NeedLogin, other_browser
from valetkey.authorization_server.authorization.loading import resumed, seated
from valetkey.authorization_server.authorization.request import VerifiedAuthorizationRequest
from valetkey.authorization_server.browser import PresentBrowser, live_sessions
from valetkey.authorization_server.device.loading import judged_visit
from valetkey.authorization_server.device.visit import is_device_visit
from valetkey.authorization_server.model import Client, Interaction
from valetkey.jose.records import dataclass
from valetkey.oauth.parameters import Parameters

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.loading import Visit
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Door:
    """A stored request, the browser before it, and whether somebody still has to sign in for it."""

    handle: str
    browser: PresentBrowser
    interaction: Interaction
    parameters: Parameters
    asked: VerifiedAuthorizationRequest | None
    """The client's request; None for a visit to the account page or about a device."""
    needs_login: bool
    device: Client | None = None
    """The client of the device that a visit is about."""


async def door_of(handle: str | None, request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> Door:
    """Load and judge what a sign-in is for; raises PageRefusal, then RedirectError."""
    visit = await resumed(handle, request, server, fresh.now)
    if is_device_visit(visit.interaction):
        return await _device_door(handle, visit, server, fresh)
    if not is_visit(visit.interaction):
        desk = await seated(handle, request, server, fresh)
        is_asked = isinstance(desk.decision, NeedLogin)
        return Door(desk.handle, desk.browser, desk.interaction, desk.asked.parameters, desk.asked, is_asked)
    if handle is None or visit.browser is None or visit.interaction is None:
        raise other_browser()
    sessions = await live_sessions(visit.browser, server, fresh.now)
    return Door(handle, visit.browser, visit.interaction, visit.parameters, None, not sessions)


async def _device_door(handle: str | None, visit: Visit, server: AuthorizationServer, fresh: Fresh) -> Door:
    if handle is None or visit.browser is None or visit.interaction is None:
        raise other_browser()
    judged = await judged_visit(visit, server, fresh)
    needs_login = isinstance(judged.decision, NeedLogin)
    return Door(handle, visit.browser, visit.interaction, visit.parameters, None, needs_login, judged.client)
