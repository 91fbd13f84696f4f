"""The rows that only `valetkey dev` has: its home page, the token debugger, and a demo client that gets a code."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from shlex import quote
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from valetkey.authorization_server import paths
from valetkey.authorization_server.routes import Cache, Cors, Csrf, Face, Route
from valetkey.cli.dev_report import Report
from valetkey.cli.dev_seeds import CALLBACK
from valetkey.cli.dev_state import USERS
from valetkey.client import CodeFlow, Credentials, FlowError, Server
from valetkey.jose.records import dataclass
from valetkey.oauth.http import HttpRequest, HttpResponse, see_other
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.types import Scope
from valetkey.server import LateRenderer
from valetkey.ui.jwt_debugger import DEBUGGER, DEBUGGER_PATH
from valetkey.ui.views import ClientKind, DemoCallback, DevClient, DevHome, DevUser, LinkKind, UiPage

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer

START: Final = "/demo/start"
_COOKIE: Final = "vk_demo"
_SCOPE: Final = Scope({"openid", "profile", "email", "offline_access", "albums.read"})
_PROMPTS: Final = frozenset({"login", "consent", "none"})
_ENTROPY: Final = 32


@dataclass(frozen=True, slots=True)
class DevPages:
    """The pages around one report."""

    report: Report
    renderer: LateRenderer

    @property
    def rows(self) -> tuple[Route, ...]:
        """The rows to join to the server's own."""
        shown = (frozenset({"GET"}), Cache.NO_STORE, Cors.NONE, Csrf.SAFE, Face.PERSON)
        methods, cache, cors, csrf, face = shown
        return (
            Route(methods, "/", self.home, cache, cors, csrf, face),
            Route(methods, START, self.start, cache, cors, csrf, face),
            Route(methods, CALLBACK, self.callback, cache, cors, csrf, face),
            Route(methods, DEBUGGER_PATH, self.debugger, cache, cors, csrf, face),
        )

    async def home(self, request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
        """Show what runs here."""
        report = self.report
        secrets = report.seeds.secrets
        view = DevHome(
            users=tuple(DevUser(name, secrets.passwords[name], role) for name, role in USERS.items()),
            clients=tuple(
                DevClient(
                    ClientKind(client.client_id),
                    client.client_id,
                    secrets.client_secrets.get(client.client_id),
                    client.redirect_uris,
                )
                for client in report.seeds.clients
            ),
            links=tuple((LinkKind(name), url) for name, url in report.links.items() if name in set(LinkKind)),
            curl=report.curl,
            device_curl=report.device_curl,
            debugger=DEBUGGER_PATH,
            print_shop=report.links["print_shop"],
            album_wall=report.links["album_wall"],
            reading_room=report.links["reading_room"],
        )
        return self._render(request, server, UiPage(view))

    async def start(self, request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
        """Send the browser away as the web client would, keeping the flow's secrets in its cookie."""
        entropy = os.urandom(_ENTROPY)
        prompt = parse_form(request.query).get("prompt")
        further = "&" + urlencode({"prompt": prompt}) if prompt in _PROMPTS else ""
        kept = urlsafe_b64encode(entropy).decode()
        secure = "; Secure" if server.issuer.url.startswith("https:") else ""
        cookie = f"{_COOKIE}={kept}; Path={server.issuer.path}/demo; Max-Age=900; HttpOnly; SameSite=Lax{secure}"
        return see_other(self._flow(server).start(entropy).url + further, (("set-cookie", cookie),))

    async def callback(self, request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
        """Show the code that came back, or why the client must not trust the answer."""
        return self._render(request, server, UiPage(self._judged(request, server)))

    async def debugger(self, request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
        """Show the token debugger, which works without asking the server again."""
        return self._render(request, server, UiPage(DEBUGGER))

    def _judged(self, request: HttpRequest, server: AuthorizationServer) -> DemoCallback:
        kept = request.cookies(_COOKIE)
        try:
            entropy = urlsafe_b64decode(kept[0]) if len(kept) == 1 else b""
            started = self._flow(server).start(entropy)
        except ValueError:
            return DemoCallback(error="state_mismatch")
        try:
            post = started.token_request(request.query.decode("ascii", "replace"))
        except FlowError as error:
            return DemoCallback(error=error.code)
        answer = parse_form(request.query)
        headers = "".join(f" -H {quote(f'{name}: {value}')}" for name, value in post.headers)
        trust = f" --cacert {quote(str(self.report.ca_file))}" if self.report.ca_file else ""
        return DemoCallback(
            code=answer.get("code"),
            state=answer.get("state"),
            issuer=answer.get("iss"),
            curl=f"curl -s{trust}{headers} --data {quote(post.body.decode())} {quote(post.url)}",
        )

    def _flow(self, server: AuthorizationServer) -> CodeFlow:
        issuer = server.issuer
        endpoints = Server(issuer.url, issuer.endpoint(paths.AUTHORIZATION), issuer.endpoint(paths.TOKEN), True)
        credentials = Credentials.basic("web", self.report.seeds.secrets.client_secrets["web"])
        return CodeFlow(endpoints, "web", issuer.endpoint(CALLBACK), _SCOPE, self.report.seeds.api, credentials)

    def _render(self, request: HttpRequest, server: AuthorizationServer, page: UiPage) -> HttpResponse:
        return self.renderer.render(
            page,
            tenant=server.tenant,
            issuer=server.issuer,
            accept_language=request.header(b"accept-language"),
            request_id=request.request_id,
        )
