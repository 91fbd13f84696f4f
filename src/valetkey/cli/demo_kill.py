"""`valetkey demo kill`: a token works at the demo API, somebody throws the switch, and the next call is refused."""

from __future__ import annotations

import subprocess
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.cli.demo_stage import (
    HTTP_OK,
    DemoUser,
    Play,
    SignInOptions,
    Stage,
    decoded,
    demo_options,
    fail,
    sign_in_options,
)
from valetkey.client import ServerRefused
from valetkey.jose import jwt

if TYPE_CHECKING:
    from pathlib import Path

    from valetkey.client import OAuthClient, TokenResponse

PATIENCE: Final = 60
"""Seconds after which a token that still works is a fault."""
_PAUSE: Final = 0.05


class Switch(StrEnum):
    """What ends the token."""

    PASSWORD = "password"  # noqa: S105 - the name of an event
    SUBJECT = "subject"
    AUTHORIZATION = "authorization"


@click.command()
@demo_options
@sign_in_options
@click.option(
    "--by",
    "switch",
    type=click.Choice([each.value for each in Switch]),
    default=Switch.PASSWORD.value,
    show_default=True,
    help="A new password (the same word, so that you can sign in again), or `valetkey revoke` of that kind.",
)
def kill(state: Path, switch: str, **options: Any) -> None:
    r"""Kill switch: a JWT that an API verifies by itself dies when the password changes; says how fast.

    \b
    Example: valetkey demo kill --by subject
    """
    play = Play(Stage.read(state), state, options["as_json"])
    with play.failing_clearly(), play.stage.connect(play.stage.clients.native) as client:
        tokens = play.sign_in(
            client, "openid profile albums.read", SignInOptions(options["opens"], options["wait"])
        ).tokens
        play.tell("3", "The API verifies this token by itself, without asking the server:")
        play.show(tokens.access_token)
        before = play.call_api(tokens.access_token)
        if before["status"] != HTTP_OK:
            fail(f"the API refused a living token: {before['status']}")
        thrown = _throw(play, Switch(switch), tokens, _who_signed_in(play, tokens))
        answer, seconds = _refused(play, tokens, thrown)
        play.tell("5", f"Refused {seconds:.2f} seconds after the switch: GET {answer['url']} -> {answer['status']}")
        play.tell("", str(answer["body"]))
        refresh = _refresh(client, tokens)
        play.tell("6", f"And its refresh token: {refresh}. You would have to sign in again.")
    play.finish(
        {
            "access_token": decoded(tokens.access_token),
            "by": switch,
            "before": before,
            "after": answer,
            "seconds": round(seconds, 3),
            "refresh": refresh,
        }
    )


def _who_signed_in(play: Play, tokens: TokenResponse) -> DemoUser:
    with play.stage.http() as http:
        headers = {"authorization": f"Bearer {tokens.access_token}"}
        username = http.get(f"{play.stage.issuer}/userinfo", headers=headers).json().get("preferred_username")
    for user in play.stage.users:
        if user.username == username:
            return user
    return fail(f"{username} is none of the seeded users: sign in as one of those that `valetkey dev` prints")


def _throw(play: Play, switch: Switch, tokens: TokenResponse, user: DemoUser) -> float:
    """Run the command that ends the token; return the moment at which it was done."""
    claims = jwt.peek(tokens.access_token).claims
    words, typed = {
        Switch.PASSWORD: (("user", "change", user.username, "--password"), user.password),
        Switch.SUBJECT: (("revoke", "subject", user.username), ""),
        Switch.AUTHORIZATION: (("revoke", "authorization", str(claims.get("authorization_id"))), ""),
    }[switch]
    play.tell("4", f"An operator throws the switch: valetkey {' '.join(words)}")
    command = [sys.executable, "-m", "valetkey", *words, "--state", str(play.state)]
    # Our own program with words of ours; the password goes over its standard input.
    done = subprocess.run(command, input=typed + "\n", capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        fail(f"the switch did not move: {done.stderr.strip()}")
    play.tell("", done.stdout.strip())
    return time.monotonic()


def _refused(play: Play, tokens: TokenResponse, thrown: float) -> tuple[dict[str, Any], float]:
    while True:
        answer = play.asked_api(tokens.access_token)
        seconds = time.monotonic() - thrown
        if answer["status"] != HTTP_OK:
            return answer, seconds
        if seconds > PATIENCE:
            fail(f"the token still works after {PATIENCE} seconds")
        time.sleep(_PAUSE)


def _refresh(client: OAuthClient, tokens: TokenResponse) -> str:
    if tokens.refresh_token is None:
        return "none was issued"
    try:
        client.refresh(tokens.refresh_token)
    except ServerRefused as refusal:
        return refusal.code
    return fail("the refresh token outlived the switch")
