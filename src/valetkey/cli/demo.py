"""`valetkey demo`: plays a client against a running server and prints every step and the decoded tokens."""

from __future__ import annotations

import json
import os
import ssl
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
import msgspec

from valetkey.cli.loopback import LoopbackReceiver
from valetkey.client import (
    CodeFlow,
    Credentials,
    FlowError,
    OutgoingRequest,
    Server,
    StartedCodeFlow,
    TokenResponse,
    token_post,
    verify_id_token,
)
from valetkey.client.discovery import metadata_url
from valetkey.client.exchange import client_credentials_form
from valetkey.jose import JoseError, JwkSet, jwt
from valetkey.oauth.types import ClientId, Scope, SecretText

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

EXIT_FAILED = 1


class DemoClient(msgspec.Struct, frozen=True):
    """A demo client, as the state folder describes it."""

    client_id: str
    client_secret: str | None = None


class DemoClients(msgspec.Struct, frozen=True):
    """The clients that this file plays."""

    native: DemoClient
    machine: DemoClient


class Stage(msgspec.Struct, frozen=True):
    """The running development server, as its state folder describes it."""

    issuer: str
    api: str
    clients: DemoClients
    ca_file: str | None = None

    @classmethod
    def read(cls, state: Path) -> Stage:
        """Read what `valetkey dev` wrote when it was ready; ends with a clear line where it did not."""
        path = state / "dev.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            _fail(f"no server has run with the state folder {state}: start `valetkey dev` first, or name --state")
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            _fail(f"{path} cannot be read ({error}): start `valetkey dev` again, it writes the file anew")

    def http(self) -> httpx2.Client:
        """Return an HTTP client that trusts the server's throw-away CA and follows no redirect."""
        import httpx2  # noqa: PLC0415 - dear to import: only a demo that runs pays

        try:
            trusted = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
        except OSError as error:
            _fail(
                f"the authority {self.ca_file} cannot be read ({error.strerror}): start `valetkey dev --tls` again"
            )
        return httpx2.Client(verify=trusted, follow_redirects=False, timeout=10, trust_env=False)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option(
            "--state",
            type=click.Path(path_type=Path),
            default=Path(".valetkey-dev"),
            show_default=True,
            help="State folder of the running `valetkey dev`.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end, nothing else."),
    )
    for option in options:
        command = option(command)
    return command


@click.group()
def demo() -> None:
    r"""Play a client against the running development server.

    \b
    Example: valetkey demo code
    """


@demo.command()
@_options
def m2m(state: Path, as_json: bool) -> None:  # noqa: FBT001 - click's form
    r"""Client credentials: a machine gets a token for itself and calls the demo API.

    \b
    Example: valetkey demo m2m
    """
    stage, tell = Stage.read(state), _teller(as_json=as_json)
    machine = stage.clients.machine
    client_id, secret = ClientId(machine.client_id), SecretText(machine.client_secret or "")
    with _failing_clearly(stage), stage.http() as http:
        server = _discover(stage, http)
        scope = Scope({"albums.read"})
        credentials = Credentials.basic(client_id, secret.reveal())
        request = token_post(server, credentials, client_credentials_form(scope, stage.api))
        tell("1", f"The client asks for a token: POST {request.url} (client_credentials, its secret by HTTP Basic)")
        tokens = _redeem(http, request, scope)
        tell("2", f"It gets an access token for {tokens.scope}, which lives {tokens.expires_in} seconds:")
        _show(tell, tokens.access_token)
        answer = _call_api(http, stage, tokens, tell)
    _finish(as_json=as_json, tokens=tokens, id_token=None, answer=answer)


@demo.command()
@_options
@click.option("--open/--print", "opens", default=None, help="Open the sign-in link in a browser, or only print it.")
@click.option("--wait", default=300, show_default=True, help="Seconds to wait for the sign-in.")
def code(state: Path, as_json: bool, opens: bool | None, wait: int) -> None:  # noqa: FBT001 - click's form
    r"""Authorization code with PKCE: you sign in, it receives the redirect and calls the demo API.

    \b
    Example: valetkey demo code --print
    """
    stage, tell = Stage.read(state), _teller(as_json=as_json)
    client_id = ClientId(stage.clients.native.client_id)
    with _failing_clearly(stage), stage.http() as http, LoopbackReceiver() as receiver:
        server = _discover(stage, http)
        scope = Scope({"openid", "profile", "email", "albums.read"})
        flow = CodeFlow(server, client_id, receiver.redirect_uri, scope, stage.api)
        started = flow.start(os.urandom(32))
        tell("1", "Sign in here; the browser then comes back to this command:")
        click.echo(f"\n    {started.url}\n", err=as_json)
        if opens or (opens is None and sys.stdout.isatty()):
            webbrowser.open(started.url)
        query = receiver.wait(wait)
        if query is None:
            _fail(f"nobody signed in within {wait} seconds; run the command again")
        tell("2", f"The browser came back to {receiver.redirect_uri} with a code; state and iss are as expected.")
        tokens = _redeem(http, started.token_request(query), scope)
        tell("3", f"The code and its verifier bought tokens for {tokens.scope}. The access token:")
        _show(tell, tokens.access_token)
        id_token = _verified_id_token(http, stage, tokens, started)
        tell("4", "The ID Token, verified (signature, issuer, audience, nonce, lifetime):")
        _show(tell, tokens.id_token or "")
        answer = _call_api(http, stage, tokens, tell)
    _finish(as_json=as_json, tokens=tokens, id_token=id_token, answer=answer)


def _discover(stage: Stage, http: httpx2.Client) -> Server:
    return Server.parse(http.get(metadata_url(stage.issuer)).content, stage.issuer)


def _redeem(http: httpx2.Client, request: OutgoingRequest, asked: Scope) -> TokenResponse:
    response = http.post(request.url, headers=list(request.headers), content=request.body)
    return TokenResponse.parse(response.status_code, response.content, asked)


def _verified_id_token(
    http: httpx2.Client, stage: Stage, tokens: TokenResponse, started: StartedCodeFlow
) -> dict[str, object]:
    if tokens.id_token is None:
        raise FlowError("invalid_response", "The server issued no ID Token though openid was asked for.")
    keys = JwkSet.parse(http.get(f"{stage.issuer}/jwks.json").content)
    return dict(verify_id_token(tokens.id_token, started, keys))


def _call_api(
    http: httpx2.Client, stage: Stage, tokens: TokenResponse, tell: Callable[[str, str], None]
) -> dict[str, object]:
    url = f"{stage.api}/albums"
    response = http.get(url, headers={"authorization": f"Bearer {tokens.access_token}"})
    tell("*", f"The guarded API answers: GET {url} -> {response.status_code}")
    tell("", response.text)
    return {"url": url, "status": response.status_code, "body": response.json()}


def _show(tell: Callable[[str, str], None], token: str) -> None:
    decoded = jwt.peek(token)
    tell("", "header " + json.dumps(dict(decoded.header)))
    tell("", "claims " + json.dumps(dict(decoded.claims), indent=2))


def _teller(*, as_json: bool) -> Callable[[str, str], None]:
    def tell(step: str, text: str) -> None:
        if not as_json:
            mark = click.style(f"{step}. " if step else "", bold=True)
            click.echo(mark + text if step else "   " + text.replace("\n", "\n   "))

    return tell


def _finish(
    *, as_json: bool, tokens: TokenResponse, id_token: dict[str, object] | None, answer: dict[str, object]
) -> None:
    if as_json:
        result: dict[str, object] = {
            "access_token": {
                "header": dict(jwt.peek(tokens.access_token).header),
                "claims": dict(jwt.peek(tokens.access_token).claims),
            },
            "scope": str(tokens.scope),
            "expires_in": tokens.expires_in,
            "api": answer,
        }
        if id_token is not None:
            result["id_token"] = {"claims": id_token}
        click.echo(json.dumps(result))
    if answer["status"] != 200:  # noqa: PLR2004 - the guarded API's success
        sys.exit(EXIT_FAILED)


class _failing_clearly:  # noqa: N801 - reads as the statement that it is
    """Turns what can go wrong on the way into one line and exit code 1."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        import httpx2  # noqa: PLC0415 - loaded by then

        match error:
            case FlowError():
                _fail(f"the flow ended: {error.code}: {error.description}")
            case JoseError():
                _fail(f"a token did not verify: {error.code}")
            case httpx2.HTTPError():
                _fail(f"{self._stage.issuer} does not answer ({type(error).__name__}): is `valetkey dev` running?")
            case _:
                return


def _fail(reason: str) -> NoReturn:
    click.echo(f"valetkey demo: {reason}", err=True)
    sys.exit(EXIT_FAILED)
