"""`valetkey guard`: judges the policy file of a guard, and says which of its rules decides a request and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from valetkey.cli import EXIT_CONFIGURATION, EXIT_FAILED, fail
from valetkey.cli.output import say, say_faults, show_json, show_table
from valetkey.resource_server.explaining import explain
from valetkey.resource_server.policy_file import BadPolicy, parse_policy
from valetkey.resource_server.request import RequestView
from valetkey.settings.errors import SettingsError
from valetkey.settings.guard_file import read_guard_file

if TYPE_CHECKING:
    from valetkey.resource_server.explaining import Explanation
    from valetkey.resource_server.policy_file import PolicyDocument
    from valetkey.resource_server.routes import Route

_RULES = click.option(
    "--rules",
    "-r",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    envvar="VALETKEY_RULES",
    help="The TOML file of the guard or the gateway.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SCHEMES = frozenset({"http", "https"})


@click.group()
def guard() -> None:
    """Judge the policy of a guard, and see which rule decides a request."""


@guard.command("check")
@_RULES
@_JSON
def judge(*, rules: Path, as_json: bool) -> None:
    r"""Say everything that is wrong with a policy, or list its routes; exit code 78 where anything is wrong.

    \b
    Example: valetkey guard check --rules guard.toml
    """
    document = _document(rules, as_json=as_json)
    rows = [_row(route) for route in document.policy.table.routes]
    if as_json:
        show_json({"sound": True, "resource": document.policy.resource, "routes": rows})
        return
    show_table(rows, ("path", "methods", "access", "limits"), "There are no routes.")
    say(f"{rules} is sound: {document.policy.resource}, {len(rows)} routes, {len(document.issuers)} issuers")


@guard.command("explain")
@click.argument("method")
@click.argument("url")
@_RULES
@_JSON
def explained(*, method: str, url: str, rules: Path, as_json: bool) -> None:
    r"""Say which rule decides METHOD URL and why; exit code 1 where no rule opens it.

    URL is a path, or a whole URL whose host is held against the hosts of the policy.

    \b
    Example: valetkey guard explain GET /orders/7 --rules guard.toml
    """
    document = _document(rules, as_json=as_json)
    found = explain(_request(method, url, document), document.policy)
    if as_json:
        show_json(
            {
                "request": found.request,
                "route": found.route,
                "outcome": found.outcome,
                "needs": list(found.needs),
                "reasons": list(found.reasons),
            }
        )
    else:
        _show(found)
    if found.route is None:
        raise SystemExit(EXIT_FAILED)


def _document(rules: Path, *, as_json: bool) -> PolicyDocument:
    try:
        return parse_policy(read_guard_file(rules).policy)
    except SettingsError as error:
        faults = error.lines
    except BadPolicy as error:
        faults = tuple(f"{rules}: {fault}" for fault in error.faults)
    if as_json:
        show_json({"sound": False, "faults": list(faults)})
    else:
        say_faults(faults)
    raise SystemExit(EXIT_CONFIGURATION)


def _request(method: str, url: str, document: PolicyDocument) -> RequestView:
    if not method.isascii() or not method.isalpha():
        fail(f"{method!r} is no method: write GET, POST, ...")
    if url.startswith("/"):
        # Without a host the first of the policy is meant: what is asked is which route decides.
        host = min(document.policy.hosts, default="")
        return RequestView(method.upper(), url, (), host)
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        fail(f"{url!r} is neither a path such as /orders/7 nor a whole URL")
    # What stands behind the host is left as it was written: how it is read is what is being asked.
    return RequestView(method.upper(), url.split(parts.netloc, 1)[1] or "/", (), parts.netloc)


def _row(route: Route) -> dict[str, object]:
    rule = route.rule
    wanted = "anybody" if rule.is_public else f"scope {rule.scope}" if rule.scope else "any valid token"
    further = [
        name
        for name, is_there in (("acr", rule.acr), ("max_age", rule.max_age is not None), ("claims", rule.claims))
        if is_there
    ]
    return {
        "path": route.template.text,
        "methods": sorted(route.methods),
        "access": ", ".join([wanted, *further]),
        "limits": [limit.name for limit in rule.limits],
    }


def _show(found: Explanation) -> None:
    say(f"{found.request}: {found.outcome}")
    if found.route is not None:
        say(f"decided by the route {found.route}")
    for need in found.needs:
        say(f"  needs {need}")
    for reason in found.reasons:
        say(f"  because {reason}")
