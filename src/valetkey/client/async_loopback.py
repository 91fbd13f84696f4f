"""Signs in from an event loop without a web server: the browser comes back to 127.0.0.1 (RFC 8252, 7.3 and 8.3)."""

from __future__ import annotations

import asyncio
import webbrowser
from typing import TYPE_CHECKING

from valetkey.client.errors import TimedOut
from valetkey.client.loopback import PATH, SECONDS, LoopbackListener, require_shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.client.async_oauth_client import AsyncOAuthClient
    from valetkey.client.signed_in import SignedIn


async def async_sign_in(
    client: AsyncOAuthClient,
    scope: str,
    *,
    resource: str | None = None,
    show: Callable[[str], object] = webbrowser.open,
    seconds: float = SECONDS,
    path: str = PATH,
) -> SignedIn:
    """Sign an end-user in by their browser, and return the tokens; as `sign_in`, for an event loop."""
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()
    with LoopbackListener(path, lambda: loop.call_soon_threadsafe(arrived.set)) as listener:
        started = await client.start_code(listener.redirect_uri, scope, resource=resource)
        listener.expect(started)
        require_shown(await asyncio.to_thread(show, started.url))
        try:
            async with asyncio.timeout(seconds):
                await arrived.wait()
        except TimeoutError:
            raise TimedOut(f"Nobody signed in within {seconds:g} seconds.") from None
        return await client.finish_code(started, listener.wait(0))
