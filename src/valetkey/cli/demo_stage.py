"""What every `valetkey demo` shares: the running server as its state folder has it, and how steps are told."""

from __future__ import annotations

import json
import ssl
import sys
import webbrowser
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import msgspec

from valetkey.client import ClientSecretBasic, FlowError, NoAuthentication, OAuthClient, ServerUnreachable, TimedOut
from valetkey.client.loopback import LoopbackListener
from valetkey.jose import JoseError, jwt
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2

    from valetkey.client import SignedIn

EXIT_FAILED = 1
HTTP_OK = 200


class DemoClient(msgspec.Struct, frozen=True):
    """A demo client, as the state folder describes it."""

    client_id: str
    client_secret: str | None = None


class DemoUser(msgspec.Struct, frozen=True):
    """A seeded end-user."""

    username: str
    password: str


class DemoClients(msgspec.Struct, frozen=True):
    """The clients that the demos play."""

    native: DemoClient
    machine: DemoClient
    tv: DemoClient
    gateway: DemoClient = msgspec.field(name="api-gateway")


class Stage(msgspec.Struct, frozen=True):
    """The running development server, as its state folder describes it."""

    issuer: str
    api: str
    clients: DemoClients
    users: tuple[DemoUser, ...]
    ca_file: str | None = None

    @classmethod
    def read(cls, state: Path) -> Stage:
        """Read what `valetkey dev` wrote when it was ready; ends with a clear line where it did not."""
        path = state / "dev.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            fail(f"no server has run with the state folder {state}: start `valetkey dev` first, or name --state")
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            fail(f"{path} cannot be read ({error}): start `valetkey dev` again, it writes the file anew")

    def trusted(self) -> ssl.SSLContext | None:
        """Return what TLS trusts: the server's throw-away authority, where it has one."""
        try:
            return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None
        except OSError as error:
            fail(
                f"the authority {self.ca_file} cannot be read ({error.strerror}): start `valetkey dev --tls` again"
            )

    def connect(self, client: DemoClient, transport: httpx2.BaseTransport | None = None) -> OAuthClient:
        """Return the client library's face for one of the demo clients."""
        secret = client.client_secret
        authentication = ClientSecretBasic(secret) if secret else NoAuthentication()
        verify = self.trusted()
        return OAuthClient(self.issuer, client.client_id, authentication, verify=verify, transport=transport)

    def http(self) -> httpx2.Client:
        """Return an HTTP client for the demo API, which follows no redirect."""
        import httpx2  # noqa: PLC0415 - dear to import: only a demo that runs pays

        verify = self.trusted()
        return httpx2.Client(
            verify=True if verify is None else verify, follow_redirects=False, timeout=10, trust_env=False
        )


@dataclass(frozen=True, slots=True)
class Play:
    """One demo on its stage: tells each step to a person, or nothing but one JSON object at the end."""

    stage: Stage
    state: Path
    as_json: bool

    def tell(self, step: str, text: str) -> None:
        """Tell one numbered step; without a number, more of the one before."""
        if not self.as_json:
            mark = click.style(f"{step}. " if step else "", bold=True)
            click.echo(mark + text if step else "   " + text.replace("\n", "\n   "))

    def show(self, token: str) -> None:
        """Show what stands in a JWT."""
        decoded = jwt.peek(token)
        self.tell("", "header " + json.dumps(dict(decoded.header)))
        self.tell("", "claims " + json.dumps(dict(decoded.claims), indent=2))

    def call_api(self, access_token: str) -> dict[str, Any]:
        """Call the guarded demo API, and tell what it answers."""
        answer = self.asked_api(access_token)
        self.tell("*", f"The guarded API answers: GET {answer['url']} -> {answer['status']}")
        self.tell("", json.dumps(answer["body"], separators=(",", ":")))
        return answer

    def asked_api(self, access_token: str) -> dict[str, Any]:
        """Call the guarded demo API without a word."""
        url = f"{self.stage.api}/albums"
        with self.stage.http() as http:
            response = http.get(url, headers={"authorization": f"Bearer {access_token}"})
        return {"url": url, "status": response.status_code, "body": response.json()}

    def sign_in(self, client: OAuthClient, scope: str, asked: SignInOptions) -> SignedIn:
        """Let a person sign in by their browser, and return the tokens of the code that comes back."""
        with LoopbackListener() as listener:
            started = client.start_code(listener.redirect_uri, scope, resource=self.stage.api)
            listener.expect(started)
            self.tell("1", "Sign in here; the browser then comes back to this command:")
            click.echo(f"\n    {started.url}\n", err=self.as_json)
            if asked.opens or (asked.opens is None and sys.stdout.isatty()):
                webbrowser.open(started.url)
            try:
                query = listener.wait(asked.wait)
            except TimedOut:
                fail(f"nobody signed in within {asked.wait} seconds; run the command again")
            self.tell(
                "2", f"The browser came back to {listener.redirect_uri} with a code; state and iss are as expected."
            )
            return client.finish_code(started, query)

    def finish(self, result: dict[str, Any], *, answer: dict[str, Any] | None = None) -> None:
        """Print the JSON object where it was asked for; ends with 1 where the API did not let the token in."""
        if self.as_json:
            click.echo(json.dumps(result))
        if answer is not None and answer["status"] != HTTP_OK:
            sys.exit(EXIT_FAILED)

    @contextmanager
    def failing_clearly(self) -> Iterator[None]:
        """Turn what can go wrong on the way into one line and exit code 1."""
        import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

        try:
            yield
        except (ServerUnreachable, httpx2.HTTPError) as error:
            kind = type(error.__cause__ or error).__name__
            fail(f"{self.stage.issuer} does not answer ({kind}): is `valetkey dev` running?")
        except FlowError as error:
            fail(f"the flow ended: {error.code}: {error.description}")
        except JoseError as error:
            fail(f"a token did not verify: {error.code}")


@dataclass(frozen=True, slots=True)
class SignInOptions:
    """How a person signs in: by a browser that is opened (None: on a terminal), within `wait` seconds."""

    opens: bool | None
    wait: int


def decoded(token: str) -> dict[str, Any]:
    """Return a JWT for the JSON object."""
    peeked = jwt.peek(token)
    return {"header": dict(peeked.header), "claims": dict(peeked.claims)}


def shortened(secret: str) -> str:
    """Return so much of a token that it can be told from another, and not be used."""
    return f"{secret[:12]}..."


def demo_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every demo."""
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


def sign_in_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every demo in which a person signs in."""
    options = (
        click.option("--wait", default=300, show_default=True, help="Seconds to wait for the sign-in."),
        click.option(
            "--open/--print", "opens", default=None, help="Open the sign-in link in a browser, or only print it."
        ),
    )
    for option in options:
        command = option(command)
    return command


def fail(reason: str) -> NoReturn:
    """End the demo with one line."""
    click.echo(f"valetkey demo: {reason}", err=True)
    sys.exit(EXIT_FAILED)
