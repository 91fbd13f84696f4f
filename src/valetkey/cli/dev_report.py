"""What a ready `valetkey dev` says of itself: for people, as one JSON line, and on its home page."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Final

import click
import msgspec

from valetkey.authorization_server import paths
from valetkey.cli.dev_seeds import Seeds
from valetkey.cli.dev_state import USERS
from valetkey.jose.records import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """One running local server."""

    seeds: Seeds
    ca_file: Path | None

    @property
    def links(self) -> dict[str, str]:
        """What can be opened in a browser, by name."""
        issuer = self.seeds.issuer
        return {
            "home": issuer.endpoint("/"),
            "openid_configuration": issuer.endpoint(paths.OPENID_CONFIGURATION),
            "server_metadata": issuer.endpoint(paths.SERVER_METADATA),
            "jwks": issuer.endpoint(paths.JWKS),
            "device": issuer.endpoint(paths.DEVICE),
            "start_flow": issuer.endpoint("/demo/start"),
            "health": issuer.endpoint("/readyz"),
            "api": f"{self.seeds.api}/albums",
            "print_shop": f"{self.seeds.print_shop}/",
            "album_wall": f"{self.seeds.album_wall}/",
            "reading_room": f"{self.seeds.reading_room}/",
        }

    @property
    def curl(self) -> str:
        """A line for any POSIX shell: the machine client gets a token and calls the API with it; answered 200."""
        secret = self.seeds.secrets.client_secrets["machine"]
        trust = f" --cacert {quote(str(self.ca_file))}" if self.ca_file else ""
        token = (
            f"curl -s{trust} -u {quote('machine:' + secret)} -d grant_type=client_credentials -d scope=albums.read"
            # Named, because another server on the same state folder has an API of its own.
            f" -d resource={self.seeds.api} {self.seeds.issuer.endpoint(paths.TOKEN)}"
            """ | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/'"""
        )
        return f'curl -is{trust} -H "Authorization: Bearer $({token})" {self.seeds.api}/albums'

    @property
    def device_curl(self) -> str:
        """A line that asks for a device code as a television does; its answer names the page for a person."""
        trust = f" --cacert {quote(str(self.ca_file))}" if self.ca_file else ""
        return (
            f"curl -s{trust} -d client_id=tv -d scope=albums.read -d resource={self.seeds.api}"
            f" {self.seeds.issuer.endpoint(paths.DEVICE_AUTHORIZATION)}"
        )

    @property
    def as_json(self) -> bytes:
        """The report as one line of JSON."""
        secrets = self.seeds.secrets
        clients: dict[str, dict[str, object]] = {}
        for client in self.seeds.clients:
            secret = secrets.client_secrets.get(client.client_id)
            clients[client.client_id] = {
                "client_id": client.client_id,
                **({"client_secret": secret} if secret else {}),
                "redirect_uris": client.redirect_uris,
            }
        document: dict[str, object] = {
            "issuer": self.seeds.issuer.url,
            "links": self.links,
            "users": [
                {"username": name, "password": secrets.passwords[name], "role": role}
                for name, role in USERS.items()
            ],
            "clients": clients,
            "api": self.seeds.api,
            "curl": self.curl,
        }
        if self.ca_file:
            document["ca_file"] = str(self.ca_file)
        return msgspec.json.encode(document)

    def print_text(self) -> None:
        """Print the report for people."""
        click.echo()
        click.echo(f"  {click.style('Valetkey is running', bold=True)} at {_link(self.seeds.issuer.url)}")
        _section("Open", [(words, _link(self.links[name])) for name, words in _LINK_WORDS.items()])
        secrets = self.seeds.secrets
        _section("Sign in", [(f"{name} ({role})", secrets.passwords[name]) for name, role in USERS.items()])
        clients = [
            (client.client_id, " ".join((secrets.client_secrets.get(client.client_id, ""), *client.redirect_uris)))
            for client in self.seeds.clients
        ]
        _section("Clients", [(name, text.strip() or "-") for name, text in clients])
        click.echo(f"\n  {click.style('Try it', bold=True)}\n\n{self.curl}\n")
        if self.ca_file:
            click.echo(f"  Trust this throw-away authority: {self.ca_file}")
        click.echo("  Or let the command line play the client: valetkey demo --help")
        click.echo("  Ctrl-C stops it; --reset starts over.\n")


_LINK_WORDS: Final = {
    "home": "Home",
    "print_shop": "Demo application on a server",
    "album_wall": "Demo application in the browser",
    "reading_room": "The same, with its tokens on the server",
    "start_flow": "Sign in as a demo client",
    "device": "Connect a device",
    "openid_configuration": "OpenID discovery",
    "server_metadata": "Server metadata",
    "jwks": "Keys",
    "api": "Demo API",
}


def _section(title: str, lines: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in lines)
    click.echo(f"\n  {click.style(title, bold=True)}")
    for name, value in lines:
        click.echo(f"    {name.ljust(width)}  {value}")


def _link(url: str) -> str:
    return click.style(url, fg="cyan")
