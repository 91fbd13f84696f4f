"""`valetkey jwt sign`: a JWT from claims (RFC 7519, 7.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from valetkey.cli.jwt.showing import show_document
from valetkey.cli.jwt.sources import (
    ALGORITHMS,
    FILE,
    json_option,
    key_option,
    password_option,
    read_key,
    read_octets,
    read_password,
    usable_keys,
)
from valetkey.jose import JoseError
from valetkey.jose import jwt as toolkit
from valetkey.jose.clock import system_clock
from valetkey.jose.encoding import b64url_encode, parse_json_object
from valetkey.jose.entropy import random_octets

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPAN: Final = re.compile(r"(\d+)([smhd]?)", re.ASCII)
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Span(click.ParamType[int]):
    """A stretch of time such as 300, 90s, 5m, 1h or 7d; seconds where it has no unit."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return it in seconds."""
        found = _SPAN.fullmatch(str(value))
        if found is None or int(found[1]) == 0:
            self.fail(f"{value!r} is no stretch of time: write 300, 90s, 5m, 1h or 7d", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


@click.command("sign")
@key_option("The private key to sign with.")
@password_option("--password-file", "The password of an encrypted --key")
@click.option("--alg", type=click.Choice(ALGORITHMS), help="What the key is for, where it does not say so.")
@click.option("--typ", default="JWT", show_default=True, help="The kind of token, such as at+jwt.")
@click.option("--issuer", metavar="ISS", help="The claim iss.")
@click.option("--subject", metavar="SUB", help="The claim sub.")
@click.option("--audience", multiple=True, metavar="AUD", help="The claim aud; repeatable.")
@click.option("--claim", "pairs", multiple=True, metavar="NAME=TEXT|NAME:=JSON", help="A claim; repeatable.")
@click.option("--claims", type=FILE, metavar="FILE", help="A JSON object of claims; - is standard input.")
@click.option("--lifetime", type=Span(), default="5m", show_default=True, help="Until exp, such as 90s or 1h.")
@json_option
def sign(**options: Any) -> None:
    r"""Sign a JWT. The claims iat, exp and jti are added where they are not given.

    \b
    Example: valetkey jwt sign --key key.jwk --issuer me --audience you --subject alice --claim admin:=true
    """
    if not options["key_file"]:
        raise click.UsageError("Say which key signs: --key FILE.")
    if options["key_file"] == "-" and options["claims"] == "-":
        raise click.UsageError("Only one of --key and --claims can be standard input.")
    claims = _claims(options)
    key = read_key(options["key_file"], options["alg"], password=read_password(options["password_file"]))
    with usable_keys(options["key_file"]):
        token = toolkit.sign(claims, key, typ=options["typ"])
    if options["as_json"]:
        show_document({"token": token, "claims": claims})
    else:
        click.echo(token)


def _claims(options: Mapping[str, Any]) -> dict[str, object]:
    now = system_clock()
    claims: dict[str, object] = {
        "iat": now,
        "exp": now + options["lifetime"],
        "jti": b64url_encode(random_octets(16)),
    }
    if options["claims"]:
        try:
            claims |= parse_json_object(read_octets(options["claims"]))
        except JoseError as error:
            raise click.BadParameter(f"{options['claims']}: {error}", param_hint="--claims") from error
    audience = options["audience"]
    named = {
        "iss": options["issuer"],
        "sub": options["subject"],
        "aud": audience[0] if len(audience) == 1 else None,
    }
    claims |= {name: value for name, value in named.items() if value is not None}
    if len(audience) > 1:
        claims["aud"] = list(audience)
    for pair in options["pairs"]:
        name, value = _pair(pair)
        claims[name] = value
    # First who, for whom and about whom, as people read it.
    first = [name for name in ("iss", "aud", "sub") if name in claims]
    return {name: claims[name] for name in (*first, *(name for name in claims if name not in first))}


def _pair(text: str) -> tuple[str, object]:
    name, found, value = text.partition("=")
    if not found or not name.removesuffix(":"):
        raise click.BadParameter(f"{text!r} is neither NAME=TEXT nor NAME:=JSON", param_hint="--claim")
    if not name.endswith(":"):
        return name, value
    try:
        return name.removesuffix(":"), msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"{value!r} is no JSON: {error}", param_hint="--claim") from error
