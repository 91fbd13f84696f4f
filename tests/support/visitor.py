"""A person's browser in memory: it keeps cookies, follows redirects on our origin and fills in our forms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from support.house import API, PASSWORD, VERIFIER, House, clients, encode_form
from valetkey.adapters.asgi.faults import answer
from valetkey.authorization_server.model import StoredSession
from valetkey.authorization_server.pages import (
    AccountPage,
    ConsentPage,
    ErrorPage,
    FormPostPage,
    FormTarget,
    LoginPage,
    Page,
    SignOutPage,
)
from valetkey.authorization_server.proof_pages import OneTimeCodePage, SelectAccountPage
from valetkey.authorization_server.routes import ROUTES
from valetkey.oauth.errors import OAuthError, Unavailable
from valetkey.oauth.http import HttpRequest, HttpResponse
from valetkey.oauth.pkce import challenge_of
from valetkey.oauth.types import OpaqueToken

Answer = HttpResponse | Page
Fields = Mapping[str, str | Iterable[str]]
STATE = "state-1"
_MOST_REDIRECTS = 5


def request_of(client_id: str = "web", **changes: str | Iterable[str] | None) -> dict[str, str | Iterable[str]]:
    """Return the parameters of a good request; `changes` replace them, None leaves one out."""
    parameters: dict[str, str | Iterable[str] | None] = {
        "client_id": client_id,
        "redirect_uri": clients()[client_id].redirect_uris[0] if client_id in clients() else "https://x.example/",
        "response_type": "code",
        "scope": "openid albums.read",
        "resource": API,
        "state": STATE,
        "nonce": "nonce-1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (parameters | changes).items() if value is not None}


@dataclass
class Visitor:
    """One browser."""

    house: House
    address: str = "203.0.113.7"
    cookies: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request and keep the cookies of its answer."""
        path, _, query = target.partition("?")
        route = next(row for row in ROUTES if row.path == path)
        assert method in route.methods
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        pairs = {**({"cookie": cookie} if cookie else {}), **(headers or {})}
        raw = tuple((name.encode(), value.encode()) for name, value in pairs.items())
        request = HttpRequest(method, path, query.encode(), raw, body, self.address, "request-1")
        try:
            found = await route.endpoint(request, self.house.server)
        except (OAuthError, Unavailable) as fault:
            found = answer(fault, route.face)
        for name, value in found.headers:
            if name == "set-cookie":
                self._keep(value)
        return found

    async def get(self, target: str) -> Answer:
        """Open a URL of ours."""
        return await self.ask("GET", target)

    async def visit(self, target: str) -> Answer:
        """Open a URL of ours and follow the redirects that stay on our origin."""
        return await self.follow(await self.get(target))

    async def follow(self, found: Answer) -> Answer:
        """Follow redirects until a page is shown or another origin is asked for."""
        for _ in range(_MOST_REDIRECTS):
            location = location_of(found)
            if location is None or not location.startswith("/"):
                return found
            found = await self.get(location.partition("#")[0])
        raise AssertionError("the redirects do not end")

    async def authorize(self, client_id: str = "web", **changes: str | Iterable[str] | None) -> Answer:
        """Come with an authorization request, by GET."""
        return await self.visit("/authorize?" + encode_form(request_of(client_id, **changes)).decode())

    async def post(self, path: str, form: Fields, headers: Mapping[str, str] | None = None) -> Answer:
        """Post a form, without following what it answers."""
        return await self.ask("POST", path, encode_form(form), headers)

    async def submit(self, form: FormTarget, fields: Fields) -> Answer:
        """Submit a form of ours and follow the answer."""
        return await self.follow(await self.post(form.action, dict(form.hidden) | dict(fields)))

    async def sign_in(self, page: Answer, username: str = "alice", password: str = PASSWORD) -> Answer:
        """Fill in the sign-in page."""
        return await self.submit(login_page(page).form, {"username": username, "password": password})

    async def consent(self, page: Answer, choice: str = "allowed") -> Answer:
        """Answer the consent page."""
        return await self.submit(consent_page(page).form, {"answer": choice})

    async def choose(self, page: Answer, username: str) -> Answer:
        """Choose an account that is signed in."""
        view = select_account_page(page)
        (choice,) = [one.choice for one in view.accounts if one.username == username]
        return await self.submit(view.form, {"account": choice})

    async def enter_code(self, page: Answer, code: str) -> Answer:
        """Fill in the page for a one-time code."""
        return await self.submit(one_time_code_page(page).form, {"code": code})

    async def granted(self, client_id: str = "web", **changes: str | Iterable[str] | None) -> dict[str, str]:
        """Go the whole way as alice, as far as pages are shown, and return what the client got."""
        found = await self.authorize(client_id, **changes)
        if isinstance(found, Page) and isinstance(found.view, LoginPage):
            found = await self.sign_in(found)
        if isinstance(found, Page) and isinstance(found.view, ConsentPage):
            found = await self.consent(found)
        return returned(found)

    async def sign_out(self) -> Answer:
        """Open the sign-out page and confirm."""
        return await self.submit(sign_out_page(await self.visit("/logout")).form, {})

    async def account(self, username: str = "alice", password: str = PASSWORD) -> AccountPage:
        """Open the account page, signing in on the way where that is asked for."""
        found = await self.visit("/account")
        if isinstance(found, Page) and isinstance(found.view, LoginPage):
            found = await self.sign_in(found, username, password)
        return account_page(found)

    async def change_password(self, new: str, current: str = PASSWORD) -> Answer:
        """Fill in the form of the account page."""
        page = await self.account()
        return await self.submit(page.password_form, {"current": current, "new": new, "again": new})

    async def sessions(self) -> list[StoredSession]:
        """Return the sessions of this browser that have not ended."""
        found: list[StoredSession] = []
        for value in self.cookies.values():
            browser = await self.house.stores.browsers.find(OpaqueToken.presented(value).digest())
            if browser is not None:
                found.extend(await self.house.stores.browsers.sessions(browser.browser_id))
        return found

    def _keep(self, line: str) -> None:
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


def location_of(found: Answer) -> str | None:
    """Return where an answer redirects to."""
    return found.header("location") if isinstance(found, HttpResponse) else None


def returned(found: Answer) -> dict[str, str]:
    """Return the parameters that a client gets at its own redirect URI, in whatever response mode."""
    if isinstance(found, Page) and isinstance(found.view, FormPostPage):
        assert len(dict(found.view.form.hidden)) == len(found.view.form.hidden)
        return dict(found.view.form.hidden)
    location = location_of(found)
    assert isinstance(found, HttpResponse), found
    assert found.status == 303
    assert location is not None
    assert not location.startswith("/"), location
    parts = urlsplit(location)
    assert not (parts.query and parts.fragment), location
    pairs = parse_qsl(parts.query or parts.fragment, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def login_page(found: Answer) -> LoginPage:
    """Return the sign-in page that is shown."""
    assert isinstance(found, Page), found
    assert isinstance(found.view, LoginPage), found.view
    return found.view


def consent_page(found: Answer) -> ConsentPage:
    """Return the consent page that is shown."""
    assert isinstance(found, Page), found
    assert isinstance(found.view, ConsentPage), found.view
    return found.view


def select_account_page(found: Answer) -> SelectAccountPage:
    """Return the account chooser that is shown."""
    assert isinstance(found, Page), found
    assert isinstance(found.view, SelectAccountPage), found.view
    return found.view


def one_time_code_page(found: Answer) -> OneTimeCodePage:
    """Return the page for a one-time code that is shown."""
    assert isinstance(found, Page), found
    assert isinstance(found.view, OneTimeCodePage), found.view
    return found.view


def sign_out_page(found: Answer) -> SignOutPage:
    """Return the page that asks for confirmation."""
    assert isinstance(found, Page), found
    assert isinstance(found.view, SignOutPage), found.view
    return found.view


def error_page(found: Answer) -> ErrorPage:
    """Return the error page that is shown: nobody is sent anywhere."""
    assert isinstance(found, Page), found
    assert isinstance(found.view, ErrorPage), found.view
    assert not any(name == "location" for name, _ in found.headers)
    return found.view


def account_page(found: Answer) -> AccountPage:
    """Return the account page that is shown."""
    assert isinstance(found, Page), found
    assert isinstance(found.view, AccountPage), found.view
    return found.view
