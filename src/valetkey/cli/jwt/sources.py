"""Where the commands get tokens and keys from, and how they end where there is nothing that can be used."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.cli import fail
from valetkey.jose import AlgorithmUnavailable, ConfigurationError, InvalidKey, JoseError, Jwk, JwkSet
from valetkey.jose.algorithms import KEY_MANAGEMENT_ALGORITHMS, SIGNATURE_ALGORITHMS, row_for
from valetkey.jose.dissection import MAXIMUM_DISSECTED_OCTETS, dissect
from valetkey.jose.encoding import parse_json_object
from valetkey.jose.jwk_set import MAXIMUM_SET_OCTETS
from valetkey.jose.key_files import load_der, load_pem
from valetkey.jose.key_types import material_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

EXIT_INVALID: Final = 1
EXIT_SOURCE_UNAVAILABLE: Final = 3
EXIT_UNUSABLE: Final = 4

ALGORITHMS: Final = tuple(SIGNATURE_ALGORITHMS)
KEY_ALGORITHMS: Final = tuple(dict.fromkeys(row.name for row in KEY_MANAGEMENT_ALGORITHMS.values()))
# EdDSA names the same computation as the names of its two curves: a key is never bound to it unasked.
_POLYMORPHIC: Final = "EdDSA"

FILE: Final = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
token_argument = click.argument("token", required=False)


def key_option(text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option that names the file of the one key, explained by `text`."""
    explained = f"{text} A JWK, PEM or DER file, or for a symmetric --alg the secret itself; - is standard input."
    return click.option("--key", "key_file", type=FILE, metavar="FILE", help=explained)


def password_option(name: str, text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option that names a file with a password; it is never an argument, which process lists show."""
    path = click.Path(exists=True, dir_okay=False, readable=True)
    return click.option(name, type=path, metavar="FILE", help=f"{text}: a file that holds it.")


def read_password(path: str | None) -> bytes | None:
    """Return the password in a file, without the line break that an editor leaves at its end; None for no file."""
    if path is None:
        return None
    password = read_octets(path).removesuffix(b"\n").removesuffix(b"\r")
    if not password:
        fail(f"{path}: the password is empty", EXIT_UNUSABLE)
    return password


def read_token(argument: str | None) -> str:
    """Return the token that was given, or standard input; a terminal is asked for one line."""
    if argument is not None and argument != "-":
        return argument
    if sys.stdin.isatty():
        click.echo("Paste the token and press Enter:", err=True)
        octets = sys.stdin.buffer.readline()
    else:
        octets = sys.stdin.buffer.read(MAXIMUM_DISSECTED_OCTETS + 2)
    text = octets.decode("utf-8", "replace").strip()
    if not text:
        raise click.UsageError("There is no token: give one as the argument, or on standard input.")
    return text


def read_octets(path: str) -> bytes:
    """Return what a file or standard input ("-") holds, at most what a key set may be long."""
    if path == "-":
        return sys.stdin.buffer.read(MAXIMUM_SET_OCTETS + 1)
    try:
        with Path(path).open("rb") as file:
            return file.read(MAXIMUM_SET_OCTETS + 1)
    except OSError as error:
        fail(f"{path} cannot be read: {(error.strerror or '').lower()}", EXIT_UNUSABLE)


@contextmanager
def usable_keys(path: str) -> Iterator[None]:
    """End with exit code 4 where a key turns out to be of no use."""
    try:
        yield
    except (InvalidKey, AlgorithmUnavailable, ConfigurationError) as error:
        fail(f"{path}: {error}", EXIT_UNUSABLE)


def read_key(path: str, algorithm: str | None, kid: str | None = None, password: bytes | None = None) -> Jwk:
    """Return the key of a file, bound to `algorithm` or to the only one that it goes with.

    `kid` is for a key that has none of its own; `password` opens an encrypted PEM or DER file.
    """
    octets = read_octets(path)
    with usable_keys(path):
        if octets.lstrip()[:1] == b"{":
            return _from_json(octets, algorithm, kid)
        row = row_for(algorithm, "oct")
        if row is not None and row.kty == "oct" and b"-----BEGIN " not in octets:
            return Jwk.from_secret(_secret(octets), algorithm=row.name, kid=kid)
        key = _load(octets, password)
        kty, material = material_of(key)
        return Jwk.from_key(key, algorithm=algorithm or _only_algorithm(kty, material.curve), kid=kid)


def read_key_set(path: str, algorithm: str | None, kid: str | None = None) -> JwkSet:
    """Return the keys of a JWK Set, or the one key of any other file."""
    octets = read_octets(path) if path != "-" else b""
    if octets.lstrip()[:1] == b"{" and "keys" in _members(path, octets):
        with usable_keys(path):
            return JwkSet.parse(octets)
    return JwkSet((read_key(path, algorithm, kid),))


def read_members(path: str, password: bytes | None = None) -> Mapping[str, object]:
    """Return the members of a key as its file says them, sound or not."""
    octets = read_octets(path)
    if octets.lstrip()[:1] == b"{":
        return _members(path, octets)
    with usable_keys(path):
        key = _load(octets, password)
        kty, material = material_of(key)
        members = Jwk.from_key(key, algorithm=_any_algorithm(kty, material.curve))
        named = members.as_private_dict() if members.is_private else members.as_dict()
        return {name: part for name, part in named.items() if name not in {"alg", "use", "kid"} or kty == "AKP"}


def kid_of(token: str) -> str | None:
    """Return the `kid` that a token's header says, believed in nothing."""
    headers = dissect(token).headers
    kid = headers[0].members.get("kid") if headers else None
    return kid if isinstance(kid, str) else None


def _members(path: str, octets: bytes) -> Mapping[str, object]:
    try:
        return parse_json_object(octets)
    except JoseError as error:
        fail(f"{path}: {error}", EXIT_UNUSABLE)


def _from_json(octets: bytes, algorithm: str | None, kid: str | None) -> Jwk:
    try:
        members: dict[str, Any] = dict(parse_json_object(octets))
    except JoseError:
        raise InvalidKey("The text is not a JSON object with distinct members.") from None
    if "keys" in members:
        listed = members["keys"]
        if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], dict):
            raise InvalidKey("One key is wanted, and this is a set of keys.")
        members = listed[0]
    if kid is not None:
        members.setdefault("kid", kid)
    if "alg" not in members and algorithm is None:
        algorithm = _only_algorithm(members.get("kty"), members.get("crv"))
    return Jwk.parse(members, algorithm=algorithm)


def _load(octets: bytes, password: bytes | None) -> object:
    if b"-----BEGIN ENCRYPTED" in octets and password is None:
        raise InvalidKey("The key is encrypted: name the file with its password, with --password-file.")
    if b"-----BEGIN " in octets:
        return load_pem(octets, password)
    try:
        return load_der(octets, password)
    except InvalidKey:
        if password is not None:
            raise
        raise InvalidKey(
            "The file holds no JWK, PEM or DER; a shared secret needs its --alg, such as HS256."
        ) from None


def _secret(octets: bytes) -> bytes:
    # An editor or echo ends a text with a line break; random octets may end in one by chance.
    bare = octets.removesuffix(b"\n").removesuffix(b"\r")
    return bare if bare.decode("latin-1").isprintable() and bare.isascii() else octets


def _fitting(kty: object, curve: object) -> list[str]:
    return [row.name for row in SIGNATURE_ALGORITHMS.values() if row.fits(kty, curve) and row.name != _POLYMORPHIC]


def _only_algorithm(kty: object, curve: object) -> str:
    fitting = _fitting(kty, curve)
    if len(fitting) == 1:
        return fitting[0]
    agreed = [row.name for row in KEY_MANAGEMENT_ALGORITHMS.values() if row.fits(kty, curve)]
    names = ", ".join([*fitting, *agreed][:8])
    raise InvalidKey(f"Say which algorithm the key is for, with --alg: {names or 'none fits it'}.")


def _any_algorithm(kty: object, curve: object) -> str:
    names = _fitting(kty, curve) or [row.name for row in KEY_MANAGEMENT_ALGORITHMS.values() if row.fits(kty, curve)]
    return names[0] if names else ""
