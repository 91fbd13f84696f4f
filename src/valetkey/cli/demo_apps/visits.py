"""What the server-side application does for one browser: sign-ins, calls of the API, the way out."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from valetkey.cli.demo_apps.album_api import AlbumApi, Answer
from valetkey.cli.demo_apps.browsers import Browser, Visitor
from valetkey.cli.demo_apps.parties import CLAIMS, SCOPE
from valetkey.client import AsyncKeptTokens, AsyncOAuthClient, FlowError, MemoryTokenStore, SignInNeeded, StepUp
from valetkey.client.keys import keys_for
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.cli.demo_apps.browsers import Started
    from valetkey.client import Party
    from valetkey.client.flow import Flow
    from valetkey.jose import JwkSet


@dataclass(frozen=True, slots=True)
class Action:
    """A request to the API, and what the log says when it went well."""

    method: str
    path: str
    done: str


ACTIONS: Final = {
    "order": Action("POST", "/prints", "The API took the order."),
    "empty": Action("DELETE", "/bin", "The API emptied the bin."),
}
"""What the page offers, by name."""
_WANTED: Final = {
    "max_age": "a sign-in that is at most {} seconds old",
    "acr_values": "a sign-in at the level {}",
}


def keys_of_issuer(party: Party, token: str) -> Flow[JwkSet]:
    """Return the keys by which a token of the authorization server is verified; they are fetched when needed."""
    return (yield from keys_for(token, party.server.require("jwks_uri"), party.keys))


@dataclass(frozen=True, slots=True)
class Visits:
    """The application's dealings as a client of the authorization server and of the API."""

    oauth: AsyncOAuthClient
    api: AlbumApi
    resource: str
    redirect_uri: str

    async def begin(self, browser: Browser, why: str, parameters: dict[str, str]) -> str:
        """Return where the browser goes to sign in; raises FlowError."""
        flow = await self.oauth.start_code(
            self.redirect_uri, SCOPE, resource=self.resource, claims=CLAIMS, **parameters
        )
        browser.begin(flow, why)
        return flow.url

    async def finish(self, browser: Browser, started: Started, query: str) -> None:
        """Redeem the answer and keep the tokens on this server; raises FlowError."""
        signed_in = await self.oauth.finish_code(started.flow, query)
        claims, tokens = signed_in.claims or {}, signed_in.tokens
        visitor = Visitor(claims, tokens.id_token or "", MemoryTokenStore())
        await AsyncKeptTokens(self.oauth, visitor.store).keep(tokens)
        browser.visitor = visitor
        how = "without a page" if started.why == "silent" else "by the authorization server"
        browser.tell(f"Signed in {how}: {claims.get('name')}, level {claims.get('acr')}.")

    async def albums(self, browser: Browser) -> Sequence[str]:
        """Return the titles that the API tells; a visitor whose tokens died is none any longer."""
        answer = await self._call(browser, "GET", "/albums")
        if not isinstance(answer, Answer) or answer.status is not HTTPStatus.OK:
            return ()
        return [str(album["title"]) for album in answer.document["albums"]]

    async def act_again(self, browser: Browser, name: str) -> None:
        """Do what the API wanted a better sign-in for, now that there was one."""
        if isinstance(await self._told(browser, name), StepUp):
            # Asking once more would lead in a circle: who has no second factor cannot be asked for one.
            browser.tell("The sign-in did not reach that level. Set up a second factor on your account page.")

    async def act(self, browser: Browser, name: str) -> str | None:
        """Do what the page offers; return where the browser goes where the API wants a better sign-in."""
        wanted = await self._told(browser, name)
        return None if wanted is None else await self.begin(browser, name, dict(wanted.parameters))

    async def _told(self, browser: Browser, name: str) -> StepUp | None:
        action = ACTIONS[name]
        answer = await self._call(browser, action.method, action.path)
        match answer:
            case StepUp():
                parameters = dict(answer.parameters)
                wanted = " and ".join(_WANTED[one].format(value) for one, value in parameters.items())
                browser.tell(f"The API wants {wanted}.")
                return answer
            case Answer(status) if status < HTTPStatus.MULTIPLE_CHOICES:
                browser.tell(action.done)
            case Answer(status):
                browser.tell(f"The API answered {status.value}.")
            case None:
                browser.tell("Nothing was done.")
        return None

    async def _call(self, browser: Browser, method: str, path: str) -> Answer | StepUp | None:
        visitor = browser.visitor
        if visitor is None:
            return None
        try:
            # Renewed by the refresh token when it is near its end.
            token = await AsyncKeptTokens(self.oauth, visitor.store).access_token()
        except SignInNeeded:
            self._lost(browser, "The refresh token is dead: the session has ended elsewhere.")
            return None
        except FlowError as error:
            browser.tell(f"No token: {error}")
            return None
        answer = await self.api.call(method, path, token)
        if isinstance(answer, Answer) and answer.status is HTTPStatus.UNAUTHORIZED:
            self._lost(browser, "The API refuses the token: the session has ended elsewhere.")
        return answer

    def _lost(self, browser: Browser, words: str) -> None:
        browser.visitor = None
        browser.tell(words)
