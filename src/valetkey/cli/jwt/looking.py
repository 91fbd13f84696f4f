"""`valetkey jwt decode` and `inspect`: what a token holds and what is wrong with it, without believing it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.cli.jwt.showing import (
    findings_document,
    show_document,
    show_findings,
    show_object,
    show_times,
)
from valetkey.cli.jwt.sources import (
    EXIT_INVALID,
    json_option,
    key_option,
    read_members,
    read_token,
    token_argument,
)
from valetkey.cli.output import say
from valetkey.jose.clock import system_clock
from valetkey.jose.dissection import Form, dissect
from valetkey.jose.encoding import b64url_encode
from valetkey.jose.lints import Severity, lint_token

if TYPE_CHECKING:
    from valetkey.jose.dissection import Dissection

NOT_VERIFIED: Final = (
    "Decoded, not verified: anybody can have written this. `valetkey jwt verify` tells whether to believe it."
)
_SEVERITIES: Final = [severity.value for severity in Severity]


@click.command("decode")
@token_argument
@json_option
def decode(token: str | None, *, as_json: bool) -> None:
    r"""Show what a token holds. Decoding is not verifying: nothing that it shows may be believed.

    \b
    Example: valetkey jwt decode < token.txt
    """
    parts = dissect(read_token(token))
    if as_json:
        show_document(_document(parts))
    else:
        _show(parts)
    if parts.form is Form.UNKNOWN or any(not header.is_object for header in parts.headers):
        sys.exit(EXIT_INVALID)


@click.command("inspect")
@token_argument
@key_option("The key with which its recipient means to verify it.")
@click.option(
    "--fail-on",
    type=click.Choice([*_SEVERITIES, "never"]),
    default="error",
    show_default=True,
    help="End with exit code 1 where something at least this grave was found.",
)
@json_option
def inspect(token: str | None, **options: Any) -> None:
    r"""Say in words what is wrong, dangerous or unwise about a token. It is not verified.

    \b
    Example: valetkey jwt inspect --fail-on warning < token.txt
    """
    text = read_token(token)
    key = read_members(options["key_file"]) if options["key_file"] else None
    findings = lint_token(text, now=system_clock(), key=key)
    if options["as_json"]:
        show_document({"verified": False, "form": dissect(text).form, "findings": findings_document(findings)})
    else:
        show_findings(findings)
    fail_on = options["fail_on"]
    if fail_on != "never" and any(_gravity(one.severity) <= _gravity(fail_on) for one in findings):
        sys.exit(EXIT_INVALID)


def _gravity(severity: str) -> int:
    return _SEVERITIES.index(severity)


def _show(parts: Dissection) -> None:
    say(click.style(NOT_VERIFIED, fg="yellow"))
    for fault in parts.faults:
        say(click.style(fault, fg="red"))
    for place, header in enumerate(parts.headers, 1):
        title = "header" if len(parts.headers) == 1 else f"header {place} of {len(parts.headers)}"
        if header.is_object:
            show_object(title, header.members)
        else:
            say(f"{click.style(title, bold=True)}: {header.fault}")
    if parts.claims is None:
        if parts.headers:
            say("The content is encrypted: `valetkey jwt decrypt --key FILE` opens it.")
    elif parts.claims.is_object:
        show_object("claims", parts.claims.members)
        show_times(parts.claims.members, system_clock())
    else:
        say(f"{click.style('payload', bold=True)}: {len(parts.payload)} octets. {parts.claims.fault}")


def _document(parts: Dissection) -> dict[str, object]:
    document: dict[str, object] = {"verified": False, "form": parts.form, "faults": list(parts.faults)}
    headers = [dict(header.members) for header in parts.headers]
    if len(headers) == 1:
        document["header"] = headers[0]
    elif headers:
        document["headers"] = headers
    if parts.claims is not None and parts.claims.is_object:
        document["claims"] = dict(parts.claims.members)
    elif parts.claims is not None:
        document["payload_base64url"] = b64url_encode(parts.payload)
    return document
