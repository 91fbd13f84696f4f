"""`valetkey demo`: plays a client against a running server and prints every step and the decoded tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from valetkey.cli.demo_kill import kill
from valetkey.cli.demo_refresh import refresh
from valetkey.cli.demo_stage import Play, SignInOptions, Stage, decoded, demo_options, sign_in_options
from valetkey.client import Exchange, FlowError, ServerRefused
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from pathlib import Path

    from valetkey.client import OAuthClient, TokenResponse

ALBUMS = "albums.read"


@click.group()
def demo() -> None:
    r"""Play a client against the running development server.

    \b
    Example: valetkey demo code
    """


@demo.command()
@demo_options
def m2m(state: Path, as_json: bool) -> None:  # noqa: FBT001 - click's form
    r"""Client credentials: a machine gets a token for itself and calls the demo API.

    \b
    Example: valetkey demo m2m
    """
    play = Play(Stage.read(state), state, as_json)
    stage = play.stage
    with play.failing_clearly(), stage.connect(stage.clients.machine) as client:
        endpoint = client.party().server.token_endpoint
        asks = f"POST {endpoint} (client_credentials, its secret by HTTP Basic)"
        play.tell("1", f"The client asks for a token: {asks}")
        tokens = client.client_credentials(ALBUMS, resource=stage.api)
        play.tell("2", f"It gets an access token for {tokens.scope}, which lives {tokens.expires_in} seconds:")
        play.show(tokens.access_token)
        answer = play.call_api(tokens.access_token)
    play.finish({**_issued(tokens), "api": answer}, answer=answer)


@demo.command()
@demo_options
@sign_in_options
def code(state: Path, as_json: bool, opens: bool | None, wait: int) -> None:  # noqa: FBT001 - click's form
    r"""Authorization code with PKCE: you sign in, it receives the redirect and calls the demo API.

    \b
    Example: valetkey demo code --print
    """
    play = Play(Stage.read(state), state, as_json)
    with play.failing_clearly(), play.stage.connect(play.stage.clients.native) as client:
        scope = f"openid profile email {ALBUMS}"
        signed_in = play.sign_in(client, scope, SignInOptions(opens, wait))
        tokens = signed_in.tokens
        play.tell("3", f"The code and its verifier bought tokens for {tokens.scope}. The access token:")
        play.show(tokens.access_token)
        play.tell("4", "The ID Token, verified (signature, issuer, audience, nonce, lifetime):")
        play.show(tokens.id_token or "")
        answer = play.call_api(tokens.access_token)
    id_token = {"claims": dict(signed_in.claims or {})}
    play.finish({**_issued(tokens), "api": answer, "id_token": id_token}, answer=answer)


@demo.command()
@demo_options
def device(state: Path, as_json: bool) -> None:  # noqa: FBT001 - click's form
    r"""Device code: a screen without a keyboard shows a code, and you enter it elsewhere.

    \b
    Example: valetkey demo device
    """
    play = Play(Stage.read(state), state, as_json)
    stage = play.stage
    with play.failing_clearly(), stage.connect(stage.clients.tv) as client:
        endpoint = client.party().server.require("device_authorization_endpoint")
        play.tell("1", f"The device asks for a code: POST {endpoint} (client_id={stage.clients.tv.client_id})")
        started = client.start_device(ALBUMS, resource=stage.api)
        play.tell("2", f"On any other device, open {started.verification_uri} and enter the code:")
        click.echo(f"\n    {started.user_code}\n", err=as_json)
        play.tell("", f"or open {started.verification_uri_complete}")
        play.tell("3", f"It asks every {started.interval} seconds whether you have answered ...")
        tokens = client.finish_device(started)
        play.tell("4", f"You have: it got tokens for {tokens.scope}. The access token:")
        play.show(tokens.access_token)
        answer = play.call_api(tokens.access_token)
    play.finish({**_issued(tokens), "api": answer}, answer=answer)


@demo.command()
@demo_options
@sign_in_options
def exchange(state: Path, as_json: bool, opens: bool | None, wait: int) -> None:  # noqa: FBT001 - click's form
    r"""Token exchange: a gateway swaps your token for one of its own, which says for whom it acts.

    \b
    Example: valetkey demo exchange --print
    """
    play = Play(Stage.read(state), state, as_json)
    stage = play.stage
    with (
        play.failing_clearly(),
        stage.connect(stage.clients.native) as native,
        stage.connect(stage.clients.gateway) as gateway,
    ):
        subject_token = play.sign_in(native, f"openid {ALBUMS}", SignInOptions(opens, wait)).tokens.access_token
        play.tell("3", "The access token that you gave to the native client, which sends it to the gateway:")
        play.show(subject_token)
        play.tell("4", f"The gateway exchanges it: POST {gateway.party().server.token_endpoint} (token-exchange)")
        tokens = gateway.exchange(Exchange(subject_token, resources=(stage.api,)))
        play.tell("5", f"It gets a {tokens.issued_token_type} for {tokens.scope}; `act` says who acts for you:")
        play.show(tokens.access_token)
        refusal = _refused_exchange(play, gateway, subject_token)
        answer = play.call_api(tokens.access_token)
    result = {**_issued(tokens), "issued_token_type": tokens.issued_token_type, "refused": refusal}
    play.finish({**result, "subject_token": decoded(subject_token), "api": answer}, answer=answer)


def _refused_exchange(play: Play, gateway: OAuthClient, subject_token: str) -> str:
    try:
        gateway.exchange(Exchange(subject_token, scope=Scope({"albums.write"}), resources=(play.stage.api,)))
    except ServerRefused as refusal:
        play.tell("6", f"It asks for albums.write too, which you never gave: {refusal.code}: {refusal.description}")
        return refusal.code
    raise FlowError("too_much", "The gateway got rights that were never given.")


def _issued(tokens: TokenResponse) -> dict[str, object]:
    return {
        "access_token": decoded(tokens.access_token),
        "scope": str(tokens.scope),
        "expires_in": tokens.expires_in,
    }


demo.add_command(refresh)
demo.add_command(kill)
