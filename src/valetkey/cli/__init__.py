"""The command line: one file per group of commands, imported when called, so that help is quick."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Final, NoReturn

import click

EXIT_FAILED: Final = 1
EXIT_CONFIGURATION: Final = 78
"""EX_CONFIG of sysexits.h: the settings are wrong, nothing was started."""
EXIT_UNAVAILABLE: Final = 69
"""EX_UNAVAILABLE of sysexits.h: something that is needed, such as a port, is not to be had."""


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command stands, and its line of the help page."""

    module: str
    name: str
    help: str


COMMANDS: Final[dict[str, Command]] = {
    "dev": Command("valetkey.cli.dev", "dev", "Run the seeded local server: users, clients and a demo API."),
    "serve": Command("valetkey.cli.serve", "serve", "Run the production server from a configuration file."),
    "gateway": Command("valetkey.cli.gateway", "gateway", "Run the decision service for proxies and browsers."),
    "guard": Command("valetkey.cli.guard", "guard", "Judge a guard's policy; see which rule decides a request."),
    "init": Command("valetkey.cli.init", "init", "Write a commented configuration file that serve accepts."),
    "config": Command("valetkey.cli.config", "config", "Check a configuration file and show what it means."),
    "demo": Command("valetkey.cli.demo", "demo", "Play a client against the running local server."),
    "jwt": Command("valetkey.cli.jwt", "jwt", "Sign, encrypt, verify and take apart JWTs; make keys."),
    "client": Command("valetkey.cli.client", "client", "Add, list, show, change and remove clients."),
    "user": Command("valetkey.cli.user", "user", "Add, list, show, change and remove end-users."),
    "resource": Command(
        "valetkey.cli.resource", "resource", "Add, list, show, change and remove resource servers."
    ),
    "trusted-issuer": Command(
        "valetkey.cli.trusted_issuer", "trusted_issuer", "Say whose assertions buy tokens (RFC 7523)."
    ),
    "tenant": Command("valetkey.cli.tenant", "tenant", "Add, list, show, change and remove tenants."),
    "key": Command("valetkey.cli.key", "key", "List, rotate and revoke the keys that the server signs with."),
    "apikey": Command("valetkey.cli.apikey", "apikey", "Add, list, show, rotate, revoke and change API keys."),
    "revoke": Command("valetkey.cli.revoke", "revoke", "End sessions and tokens at once: the kill switch."),
    "stream": Command("valetkey.cli.stream", "stream", "Look after the streams of outside receivers of signals."),
    "signals": Command("valetkey.cli.signals", "signals", "Receive the signals of another product."),
    "audit": Command("valetkey.cli.audit", "audit", "Show who changed what, when and from where."),
    "doctor": Command("valetkey.cli.doctor", "doctor", "Judge a configuration against a policy profile."),
    "db": Command("valetkey.cli.db", "db", "Look at the schema of the database and bring it up to date."),
}


class LazyGroup(click.Group):
    """A group that imports a command only when it is called; the help page is written from the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now."""
        del ctx
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        # What is imported stays: looking for garbage in it costs a tenth of what a command takes.
        gc.disable()
        try:
            command: click.Command = getattr(import_module(row.module), row.name)
        finally:
            gc.enable()
        return _with_breaks(command)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; where a package of the server is missing, say which and how it is installed."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("valetkey"):
                raise
            extra = "dev" if ctx.invoked_subcommand == "dev" else "server"
            fail(f"this command needs the package {error.name}: install valetkey[{extra}]", EXIT_UNAVAILABLE)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lines of the table, without importing what they stand for."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in COMMANDS.items()])


def _with_breaks(command: click.Command) -> click.Command:
    """Put click's mark for "do not rewrap" into help texts, where raw docstrings hold it spelled out."""
    command.help = command.help and command.help.replace("\\b", "\b")
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _with_breaks(inner)
    return command


def fail(message: str, code: int = EXIT_FAILED) -> NoReturn:
    """End the command with one line on stderr."""
    click.echo(f"valetkey: {message}", err=True)
    sys.exit(code)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="valetkey", prog_name="valetkey")
def main() -> None:
    r"""JWT toolkit, OAuth 2.1 and OpenID Connect server, and API guard.

    \b
    Example: valetkey dev
    """


_with_breaks(main)
