"""`valetkey jwt encrypt` and `decrypt`: JWE for whoever holds a key (RFC 7516)."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from valetkey.cli import fail
from valetkey.cli.jwt.showing import printable, show_document
from valetkey.cli.jwt.sources import (
    EXIT_INVALID,
    EXIT_UNUSABLE,
    FILE,
    KEY_ALGORITHMS,
    json_option,
    key_option,
    kid_of,
    password_option,
    read_key,
    read_octets,
    read_password,
    read_token,
    token_argument,
    usable_keys,
)
from valetkey.jose import Decrypter, InvalidKey, InvalidToken, Jwk, JwkSet, jwe, jwe_json
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, INSECURE_RSA1_5, KEY_MANAGEMENT_ALGORITHMS
from valetkey.jose.dissection import Form, dissect
from valetkey.jose.encoding import b64url_encode
from valetkey.jose.jwe import Compression

_ENCRYPTIONS = tuple(CONTENT_ENCRYPTIONS)


@click.command("encrypt")
@key_option("The key of the recipient: its public key, or a secret that you share.")
@click.option("--alg", type=click.Choice(KEY_ALGORITHMS), help="What the key is for, where it does not say so.")
@click.option(
    "--enc", default="A256GCM", show_default=True, type=click.Choice(_ENCRYPTIONS), help="For the content."
)
@click.option(
    "--input", "input_file", type=FILE, default="-", metavar="FILE", help="The text; standard input if absent."
)
@click.option("--cty", metavar="CTY", help="What the text is; JWT where it is one, which makes a nested token.")
@json_option
def encrypt(**options: Any) -> None:
    r"""Encrypt a text, or a signed JWT, for the holder of a key. It proves no sender: sign first.

    \b
    Example: valetkey jwt sign --key key.jwk --issuer me --audience you | valetkey jwt encrypt --key recipient.jwk
    """
    if not options["key_file"]:
        raise click.UsageError("Say for whom: --key FILE.")
    if options["key_file"] == "-" and options["input_file"] == "-":
        raise click.UsageError("Only one of --key and --input can be standard input.")
    key = encryption_key(options["key_file"], options["alg"])
    plaintext, cty = read_octets(options["input_file"]), options["cty"]
    text = plaintext.decode("latin-1")
    if cty is None and dissect(text).form is Form.COMPACT_JWS:
        cty = "JWT"
    if cty is not None and cty.upper() == "JWT":
        plaintext = text.strip().encode("latin-1")
    with usable_keys(options["key_file"]):
        header = {"cty": cty} if cty is not None else None
        token = jwe.encrypt(plaintext, key, encryption=options["enc"], header=header)
    if options["as_json"]:
        show_document({"token": token})
    else:
        click.echo(token)


@click.command("decrypt")
@token_argument
@key_option("Your private key, or the secret that you share.")
@password_option("--password-file", "The password of an encrypted --key")
@click.option("--alg", type=click.Choice(KEY_ALGORITHMS), help="What the key is for, where it does not say so.")
@click.option(
    "--enc", "encryptions", multiple=True, type=click.Choice(_ENCRYPTIONS), help="Allowed; all if absent."
)
@click.option("--allow-zip", is_flag=True, help="Inflate compressed content, at most 250 kB.")
@click.option("--insecure-rsa1-5", is_flag=True, help="Open RSA1_5, which padding oracles have broken.")
@json_option
def decrypt(token: str | None, **options: Any) -> None:
    r"""Print what a token encrypts. It proves no sender: verify a JWT that comes out.

    \b
    Example: valetkey jwt decrypt --key private.jwk < token.txt | valetkey jwt decode
    """
    if not options["key_file"]:
        raise click.UsageError("Say with which key: --key FILE.")
    text = read_token(token)
    password = read_password(options["password_file"])
    key = encryption_key(options["key_file"], options["alg"], kid_of(text), password)
    with usable_keys(options["key_file"]):
        decrypter = Decrypter(
            keys=JwkSet((key,)),
            algorithms=algorithms_of(key, allow_rsa1_5=options["insecure_rsa1_5"]),
            encryptions=options["encryptions"] or _ENCRYPTIONS,
            compression=Compression.DEFLATE if options["allow_zip"] else Compression.NONE,
        )
        try:
            opened = jwe_json.decrypt_json(text, decrypter) if text.startswith("{") else decrypter.decrypt(text)
        except InvalidToken as error:
            _refuse(error, as_json=options["as_json"])
    if options["as_json"]:
        show_document({"header": dict(opened.header), **_plaintext(opened.plaintext)})
    else:
        _print(opened.plaintext)


def encryption_key(path: str, algorithm: str | None, kid: str | None = None, password: bytes | None = None) -> Jwk:
    """Return the key of a file, as `read_key` does; ends with exit code 4 where it is one that signs."""
    key = read_key(path, algorithm, kid, password)
    if (key.algorithm, key.kty) not in KEY_MANAGEMENT_ALGORITHMS:
        fail(f"{path}: the key is for {key.algorithm}, which signs; another is needed to encrypt", EXIT_UNUSABLE)
    return key


def algorithms_of(key: Jwk, *, allow_rsa1_5: bool) -> list[str]:
    """Return what a recipient with `key` allows: its own algorithm; InvalidKey for RSA1_5 that nobody allowed."""
    if key.algorithm == "RSA1_5":
        if not allow_rsa1_5:
            raise InvalidKey("RSA1_5 has been broken again and again; --insecure-rsa1-5 opens it all the same.")
        return [INSECURE_RSA1_5]
    return [KEY_MANAGEMENT_ALGORITHMS[key.algorithm, key.kty].header_name]


def _refuse(error: InvalidToken, *, as_json: bool) -> NoReturn:
    if as_json:
        show_document({"error": error.code, "message": str(error)})
    else:
        click.echo(f"not valid: {error.code}: {error}", err=True)
    sys.exit(EXIT_INVALID)


def _plaintext(octets: bytes) -> dict[str, object]:
    try:
        return {"plaintext": octets.decode("utf-8")}
    except UnicodeDecodeError:
        return {"plaintext_base64url": b64url_encode(octets)}


def _print(octets: bytes) -> None:
    # A terminal gets nothing that it could act on; a pipe gets the octets as they are.
    if sys.stdout.isatty():
        click.echo(printable(octets.decode("utf-8", "replace")))
    else:
        sys.stdout.buffer.write(octets)
