"""`valetkey signals`: sets the reception of another product's signals up."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.cli import EXIT_CONFIGURATION, EXIT_FAILED, EXIT_UNAVAILABLE, fail
from valetkey.cli.output import say, show_json, show_record
from valetkey.client import ClientSecretBasic, FlowError, OAuthClient, ServerUnreachable
from valetkey.client.streams import EVENTS, SCOPE, StreamWish, connect_stream
from valetkey.jose.entropy import random_octets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.client.streams import ConnectedStream

_SECRET: Final = "VALETKEY_SIGNALS_SECRET"  # noqa: S105 - the name of a variable
_HEADER: Final = "VALETKEY_SIGNALS_HEADER"


@click.group()
def signals() -> None:
    """Receive the signals of another product: what it revokes is refused by your guards."""


@signals.command("connect")
@click.option("--transmitter", required=True, help="The issuer URL of the product that sends.")
@click.option("--client-id", required=True, help="As whom it knows you.")
@click.option("--secret-file", type=click.Path(path_type=Path), help=f"Holds the client secret; else ${_SECRET}.")
@click.option("--issuer", help="Where the access token comes from, if not from the transmitter itself.")
@click.option("--push", "push_url", help="The URL that events are pushed to; without it they are polled.")
@click.option(
    "--header-file", type=click.Path(path_type=Path), help=f"Holds the header of pushes; else ${_HEADER}."
)
@click.option(
    "--event", "events", multiple=True, help="An event type; repeatable. All that a guard acts on at first."
)
@click.option("--scope", default=SCOPE, show_default=True, help="The scope of the access token.")
@click.option("--resource", help="The resource server of the access token, where it has to be named.")
@click.option("--description", default="", help="What the transmitter calls the stream.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Further certificates to trust.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def connect(**options: Any) -> None:
    r"""Create your stream at a transmitter, or bring it up to date, and ask for a verification event.

    What is printed is what a guard needs: the audience, where to poll, and which events come.

    \b
    Example: valetkey signals connect --transmitter https://idp.example.com --client-id guard
             --secret-file secret --push https://api.example.com/signals --header-file header
    """
    try:
        connected, state = _connect(options)
    except (OSError, ValueError) as wrong:
        fail(str(wrong), EXIT_CONFIGURATION)
    except ServerUnreachable as outage:
        fail(str(outage), EXIT_UNAVAILABLE)
    except FlowError as refused:
        fail(str(refused), EXIT_FAILED)
    view = _view(connected, state)
    if options["as_json"]:
        show_json(view)
    else:
        show_record(view)
        say("a verification event with this state is on its way")


def _connect(options: Mapping[str, Any]) -> tuple[ConnectedStream, str]:
    secret = _kept(options["secret_file"], _SECRET)
    if secret is None:
        raise ValueError(f"say the client secret by --secret-file or ${_SECRET}")
    push_url = _text(options["push_url"])
    header = _kept(options["header_file"], _HEADER) if push_url else None
    if push_url and header is None:
        raise ValueError(f"a push carries a header that proves where it comes from: --header-file or ${_HEADER}")
    transmitter = str(options["transmitter"])
    state = random_octets(16).hex()
    wish = StreamWish(
        transmitter,
        push_url,
        header,
        tuple(options["events"]) or EVENTS,
        str(options["description"]),
        str(options["scope"]),
        _text(options["resource"]),
        state,
    )
    trust = None if options["ca_file"] is None else ssl.create_default_context(cafile=str(options["ca_file"]))
    client_id, issuer = str(options["client_id"]), _text(options["issuer"]) or transmitter
    with OAuthClient(issuer, client_id, ClientSecretBasic(secret), verify=trust) as client:
        return client.run(connect_stream, wish), state


def _kept(path: object, variable: str) -> str | None:
    """Return a secret from a file or from the environment: never from the command line, which others can read."""
    if isinstance(path, Path):
        return path.read_text(encoding="utf-8").strip()
    return os.environ.get(variable) or None


def _text(found: object) -> str | None:
    return found if isinstance(found, str) and found else None


def _view(found: ConnectedStream, state: str) -> dict[str, object]:
    return {
        "stream_id": found.stream_id,
        "transmitter": found.transmitter,
        "jwks_uri": found.jwks_uri,
        "audience": list(found.audience),
        "method": found.method,
        "endpoint_url": found.endpoint_url,
        "events_delivered": list(found.events_delivered),
        "verification_state": state,
    }
