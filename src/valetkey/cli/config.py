"""`valetkey config`: what a configuration file means, and what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from valetkey.administration.views import View, client_view, resource_view, tenant_view, trusted_issuer_view
from valetkey.cli import EXIT_CONFIGURATION
from valetkey.cli.desk import settings_or_end
from valetkey.cli.output import say, say_faults, show_json, show_record, show_table
from valetkey.oauth.types import DEFAULT_TENANT
from valetkey.settings import Settings, SettingsError, load
from valetkey.settings.view import declared_user_view, settings_view


@click.group()
def config() -> None:
    """Check a configuration file and show what it means."""


@config.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def judge(file: Path, *, as_json: bool) -> None:
    r"""Say everything that is wrong with a configuration, a line each; exit code 78 where there is anything.

    \b
    Example: valetkey config check valetkey.toml
    """
    try:
        settings = load(file, os.environ, {})
    except SettingsError as error:
        if as_json:
            show_json({"sound": False, "faults": list(error.lines)})
        else:
            say_faults(error.lines)
        raise SystemExit(EXIT_CONFIGURATION) from None
    counts = {
        name: len(declared)
        for name, declared in (
            ("tenants", settings.tenants),
            ("clients", settings.clients),
            ("users", settings.users),
            ("resources", settings.resources),
            ("trusted_issuers", settings.trusted_issuers),
        )
    }
    if as_json:
        show_json({"sound": True, "issuer": settings.issuer.url, **counts})
    else:
        said = ", ".join(
            f"{count} {(name if count != 1 else name[:-1]).replace('_', ' ')}" for name, count in counts.items()
        )
        say(f"{file} is sound: issuer {settings.issuer}; {said}")


@config.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(file: Path, *, as_json: bool) -> None:
    r"""Show what holds, from the file, the environment and the defaults; secrets are redacted.

    \b
    Example: valetkey config show valetkey.toml --json
    """
    settings = settings_or_end(file)
    declared = _declared(settings)
    if as_json:
        show_json({**settings_view(settings), **declared})
        return
    show_record(settings_view(settings))
    for name, (views, columns) in _tables(declared).items():
        say("")
        show_table(views, columns, f"No {name.replace('_', ' ')} are declared.")


def _declared(settings: Settings) -> dict[str, list[View]]:
    root = settings.issuer.url
    return {
        "tenants": [
            tenant_view(each, root if each.tenant_id == DEFAULT_TENANT else f"{root}/t/{each.tenant_id}")
            for each in settings.tenants
        ],
        "clients": [client_view(each.client, each.tenant_id) for each in settings.clients],
        "users": [declared_user_view(each) for each in settings.users],
        "resources": [resource_view(each.resource, each.tenant_id) for each in settings.resources],
        "trusted_issuers": [
            trusted_issuer_view(each.trusted_issuer, each.tenant_id) for each in settings.trusted_issuers
        ],
    }


def _tables(declared: dict[str, list[View]]) -> dict[str, tuple[list[View], tuple[str, ...]]]:
    columns = {
        "tenants": ("name", "display_name", "issuer", "profile"),
        "clients": ("client_id", "tenant", "authentication_method", "grant_types", "disabled"),
        "users": ("username", "tenant", "email", "roles", "initial_password", "disabled"),
        "resources": ("identifier", "tenant", "scopes", "disabled"),
        "trusted_issuers": ("issuer", "tenant", "clients", "scope", "disabled"),
    }
    return {name: (views, columns[name]) for name, views in declared.items()}
