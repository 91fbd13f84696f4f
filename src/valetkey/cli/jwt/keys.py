"""`valetkey jwt key`: make, convert, name and judge keys (RFC 7517; RFC 7638; RFC 9278)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from valetkey.cli import fail
from valetkey.cli.jwt.showing import findings_document, show_document, show_findings
from valetkey.cli.jwt.sources import (
    ALGORITHMS,
    EXIT_INVALID,
    EXIT_UNUSABLE,
    FILE,
    KEY_ALGORITHMS,
    json_option,
    password_option,
    read_key,
    read_members,
    read_password,
    usable_keys,
)
from valetkey.cli.output import say
from valetkey.jose import InvalidKey, JoseError, Jwk, JwkSet
from valetkey.jose.key_files import to_der, to_pem
from valetkey.jose.lints import Severity, lint_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ALL: Final = tuple(dict.fromkeys((*ALGORITHMS, *KEY_ALGORITHMS)))
Written = Literal["jwk", "jwks", "pem", "der"]


def _output_options(*forms: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def add(command: Callable[..., None]) -> Callable[..., None]:
        output = click.Path(dir_okay=False, allow_dash=True)
        form = click.option(
            "--to", type=click.Choice(forms), default=forms[0], show_default=True, help="How to write it."
        )
        where = click.option(
            "--output", type=output, metavar="FILE", help="Where to write it; - is standard output."
        )
        return form(where(command))

    return add


@click.group("key")
def key() -> None:
    """Make, convert, name and judge keys."""


@key.command("generate")
@click.argument("alg", type=click.Choice(_ALL))
@click.option("--curve", metavar="CRV", help="For ECDH-ES and EdDSA: another curve than the first that fits.")
@click.option("--kid", help="Its name; its thumbprint if absent.")
@_output_options("jwk", "pem")
@click.option("--public", type=click.Path(dir_okay=False), metavar="FILE", help="Write the public key there too.")
@password_option("--new-password-file", "The password that encrypts a PEM")
@json_option
def generate(alg: str, **options: Any) -> None:
    r"""Make a private key for one algorithm. Its file is readable by you alone, and none is overwritten.

    \b
    Example: valetkey jwt key generate ES256 --output key.jwk --public public.jwk
    """
    if options["output"] is None:
        raise click.UsageError("Say where the private key goes: --output FILE, or - for standard output.")
    try:
        made = Jwk.generate(alg, kid=options["kid"], curve=options["curve"])
    except JoseError as error:
        fail(f"{alg}: {error}", EXIT_UNUSABLE)
    if options["public"] and made.is_symmetric:
        raise click.UsageError(f"A key for {alg} is a shared secret: it has no public part.")
    with usable_keys(alg):
        octets = _encoded([made], options["to"], _new_password(options))
    _write(options["output"], octets, is_private=True)
    if options["public"]:
        _write(options["public"], _encoded([made.public()], options["to"], None), is_private=False)
    if options["output"] != "-":
        _tell(made, options)


@key.command("convert")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("--alg", type=click.Choice(_ALL), help="What the key is for, where it does not say so.")
@click.option("--kid", help="Its name, where it has none.")
@click.option("--public", is_flag=True, help="Leave the private part out.")
@_output_options("jwk", "jwks", "pem", "der")
@password_option("--password-file", "The password of encrypted PEM or DER")
@password_option("--new-password-file", "The password that encrypts the PEM or DER that is written")
def convert(files: tuple[str, ...], **options: Any) -> None:
    r"""Write a key in another form, or several as one JWK Set. A public one goes to standard output by default.

    \b
    Example: valetkey jwt key convert key.pem --alg RS256 --public --to jwk
    Example: valetkey jwt key convert old.jwk new.jwk --public --to jwks --output jwks.json
    Example: valetkey jwt key convert key.jwk --to pem --new-password-file password.txt --output key.pem
    """
    if len(files) > 1 and options["to"] != "jwks":
        raise click.UsageError("Several keys make a set: --to jwks.")
    password = read_password(options["password_file"])
    found = [read_key(path, options["alg"], options["kid"], password) for path in files]
    public = options["public"]
    with usable_keys(files[0]):
        keys = [one.public() if public else one for one in found]
        octets = _encoded(keys, options["to"], _new_password(options))
    is_private = any(one.is_private for one in keys)
    if is_private and options["output"] is None:
        raise click.UsageError(
            "It is private: say where it goes with --output FILE (- is standard output), or --public."
        )
    _write(options["output"] or "-", octets, is_private=is_private)
    if options["output"] not in {None, "-"}:
        say(f"wrote {options['output']}")


@key.command("thumbprint")
@click.argument("file", type=FILE)
@click.option("--uri", is_flag=True, help="As a URI (RFC 9278).")
@password_option("--password-file", "The password of encrypted PEM or DER")
@json_option
def thumbprint(file: str, *, uri: bool, password_file: str | None, as_json: bool) -> None:
    r"""Print the SHA-256 thumbprint of a key, which is the same for its private and its public form (RFC 7638).

    \b
    Example: valetkey jwt key thumbprint public.jwk
    """
    members = read_members(file, read_password(password_file))
    with usable_keys(file):
        found = _any_key(members)
    if as_json:
        show_document({"thumbprint": found.thumbprint(), "uri": found.thumbprint_uri()})
    else:
        say(found.thumbprint_uri() if uri else found.thumbprint())


@key.command("inspect")
@click.argument("file", type=FILE)
@password_option("--password-file", "The password of encrypted PEM or DER")
@json_option
def inspect(file: str, *, password_file: str | None, as_json: bool) -> None:
    r"""Say in words what is wrong, dangerous or unwise about a key.

    \b
    Example: valetkey jwt key inspect key.jwk
    """
    findings = lint_key(read_members(file, read_password(password_file)))
    if as_json:
        show_document({"findings": findings_document(findings)})
    else:
        show_findings(findings)
    if any(one.severity is Severity.ERROR for one in findings):
        sys.exit(EXIT_INVALID)


def _any_key(members: Any) -> Jwk:
    if "alg" in members:
        return Jwk.parse(members)
    for name in _ALL:
        try:
            return Jwk.parse(members, algorithm=name)
        except JoseError:
            continue
    raise InvalidKey("No algorithm goes with the key.")


def _new_password(options: dict[str, Any]) -> bytes | None:
    if options["new_password_file"] and options["to"] not in {"pem", "der"}:
        raise click.UsageError(
            "A JWK is not encrypted by a password: --new-password-file goes with --to pem or der."
        )
    return read_password(options["new_password_file"])


def _encoded(keys: Sequence[Jwk], to: Written, password: bytes | None) -> bytes:
    match to:
        case "pem":
            return to_pem(keys[0], password=password)
        case "der":
            return to_der(keys[0], password=password)
        case "jwk":
            return _json(_members(keys[0]))
        case "jwks":
            JwkSet(tuple(keys))
            return _json({"keys": [_members(one) for one in keys]})


def _members(one: Jwk) -> dict[str, object]:
    return one.as_private_dict() if one.is_private else one.as_dict()


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def _write(path: str, octets: bytes, *, is_private: bool) -> None:
    if path == "-":
        sys.stdout.buffer.write(octets)
        return
    # Created with its mode, and only where there is nothing: a mode set afterwards would come too late.
    mode = 0o600 if is_private else 0o644
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            file.write(octets)
    except FileExistsError:
        fail(f"{path} exists and is left as it is: name another file with --output", EXIT_UNUSABLE)
    except OSError as error:
        fail(f"{path} cannot be written: {(error.strerror or '').lower()}", EXIT_UNUSABLE)


def _tell(made: Jwk, options: dict[str, Any]) -> None:
    written = {"output": options["output"], "public": options["public"]}
    if options["as_json"]:
        show_document({"kid": made.kid, "alg": made.algorithm, **{n: f for n, f in written.items() if f}})
        return
    public = f", its public part in {options['public']}" if options["public"] else ""
    say(f"wrote {Path(options['output'])}: a private key for {made.algorithm}{public}")
    say(f"kid: {made.kid}")
