"""`valetkey jwt verify`: whether a token may be believed, and if not, why (RFC 7519, 7.2)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from valetkey.cli.jwt.encryption import algorithms_of, encryption_key
from valetkey.cli.jwt.published import fetch_trusting, jwks_uri_of, verify_with_published
from valetkey.cli.jwt.showing import printable, relative, show_document, show_object, show_times
from valetkey.cli.jwt.sources import (
    ALGORITHMS,
    EXIT_INVALID,
    FILE,
    KEY_ALGORITHMS,
    json_option,
    key_option,
    kid_of,
    password_option,
    read_key,
    read_key_set,
    read_password,
    read_token,
    token_argument,
    usable_keys,
)
from valetkey.cli.output import say
from valetkey.jose import ConfigurationError, Decrypter, InvalidToken, JwkSet, VerifiedJwt, Verifier
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, SIGNATURE_ALGORITHMS
from valetkey.jose.clock import system_clock
from valetkey.jose.dissection import Form, dissect
from valetkey.jose.encoding import numeric_date
from valetkey.jose.errors import ClaimInvalid
from valetkey.jose.jwt import opened_jwt
from valetkey.jose.token_kinds import (
    AT_JWT,
    AUTHORIZATION_RESPONSE,
    CLIENT_ASSERTION,
    ID_TOKEN,
    INTROSPECTION_RESPONSE,
    LOGOUT_TOKEN,
    REQUEST_OBJECT,
    SECURITY_EVENT_TOKEN,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.jose.token_kinds import TokenKind

PUBLISHED_ALGORITHMS: Final = ("RS256", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""What is believed of a published key set unless --alg says otherwise: one algorithm for each type of key."""

KINDS: Final[Mapping[str, TokenKind]] = {
    kind.name.lower().replace(" ", "-"): kind
    for kind in (
        *(AT_JWT, ID_TOKEN, CLIENT_ASSERTION, LOGOUT_TOKEN, SECURITY_EVENT_TOKEN, REQUEST_OBJECT),
        *(AUTHORIZATION_RESPONSE, INTROSPECTION_RESPONSE),
    )
}


@click.command("verify")
@token_argument
@key_option("The key that must have signed it.")
@click.option("--jwks", metavar="FILE|URL", help="The keys of which one must have signed it: a JWK Set.")
@click.option(
    "--issuer",
    required=True,
    metavar="ISS",
    help="What iss must be. Without --key and --jwks its published keys are used.",
)
@click.option("--audience", required=True, multiple=True, metavar="AUD", help="Who you are: aud must name it.")
@click.option("--typ", metavar="TYP", help="What the header's typ must be, such as JWT.")
@click.option(
    "--kind", type=click.Choice(list(KINDS)), help="The kind of token, with all its rules, instead of --typ."
)
@click.option(
    "--alg", "algorithms", metavar="ALG", multiple=True, type=click.Choice(ALGORITHMS), help="Allowed; repeatable."
)
@click.option(
    "--decrypt-key",
    type=FILE,
    metavar="FILE",
    help="Your own key, where the token is encrypted to you: one that is not is refused.",
)
@click.option("--decrypt-alg", type=click.Choice(KEY_ALGORITHMS), help="What --decrypt-key is for, where unsaid.")
@password_option("--password-file", "The password of an encrypted --decrypt-key")
@click.option("--leeway", default=10, show_default=True, help="Seconds that iat and nbf may lie in the future.")
@click.option("--now", type=int, metavar="SECONDS", help="Judge it at this time, in seconds since 1970.")
@click.option("--ca-file", type=FILE, metavar="FILE", help="Authorities to trust for https, in PEM.")
@json_option
def verify(token: str | None, **options: Any) -> None:
    r"""Verify a JWT: signature, issuer, audience, typ, times. Nothing of an invalid one is believed or shown.

    \b
    Example: valetkey jwt verify --key public.jwk --issuer me --audience you --typ JWT < token.txt
    Example: valetkey jwt verify --issuer https://login.example.com --audience api --kind access-token
    Example: valetkey jwt verify --decrypt-key mine.jwk --key theirs.jwk --issuer them --audience me --typ JWT
    """
    if (options["typ"] is None) == (options["kind"] is None):
        raise click.UsageError("Say which kind of token you expect: --typ JWT, or --kind access-token.")
    if options["key_file"] and options["jwks"]:
        raise click.UsageError("Keys come from one place: --key or --jwks.")
    text = read_token(token)
    now = system_clock() if options["now"] is None else options["now"]
    try:
        if options["decrypt_key"]:
            text = opened_jwt(text, _decrypter(text, options))
        verified = _verified(text, options, now)
    except InvalidToken as error:
        _refuse(error, text, options, now)
    _show(verified, now, as_json=options["as_json"])


def _decrypter(text: str, options: Mapping[str, Any]) -> Decrypter:
    path, password = options["decrypt_key"], read_password(options["password_file"])
    key = encryption_key(path, options["decrypt_alg"], kid_of(text), password)
    with usable_keys(path):
        return Decrypter(
            keys=JwkSet((key,)),
            algorithms=algorithms_of(key, allow_rsa1_5=False),
            encryptions=tuple(CONTENT_ENCRYPTIONS),
        )


def _verified(text: str, options: Mapping[str, Any], now: int) -> VerifiedJwt:
    jwks: str | None = options["jwks"]
    asked: tuple[str, ...] = options["algorithms"]
    only = asked[0] if len(asked) == 1 else None
    if options["key_file"]:
        key = read_key(options["key_file"], only, kid_of(text))
        return _verifier(options, asked or (key.algorithm,)).verify(text, JwkSet((key,)), now=now)
    if jwks is not None and "://" not in jwks:
        path = str(FILE.convert(jwks, None, None))
        keys = read_key_set(path, only, kid_of(text))
        return _verifier(options, asked or _algorithms_of(keys)).verify(text, keys, now=now)
    fetch = fetch_trusting(options["ca_file"])
    verifier = _verifier(options, asked or PUBLISHED_ALGORITHMS)
    # Whether a token could be believed at all is judged before its issuer is asked for anything.
    verifier.kid_of(text)
    url = jwks_uri_of(options["issuer"], fetch) if jwks is None else jwks
    return verify_with_published(url, fetch, verifier, text, now)


def _algorithms_of(keys: JwkSet) -> tuple[str, ...]:
    bound = {key.algorithm for key in keys.keys if key.algorithm in SIGNATURE_ALGORITHMS}
    if keys.unbound and not any(key.is_symmetric for key in keys.keys):
        bound.update(name for name in PUBLISHED_ALGORITHMS if any(key.fits(name) for key in keys.unbound))
    return tuple(sorted(bound)) or PUBLISHED_ALGORITHMS


def _verifier(options: Mapping[str, Any], algorithms: tuple[str, ...]) -> Verifier:
    kind = KINDS[options["kind"]] if options["kind"] else None
    try:
        return Verifier(
            issuer=options["issuer"],
            audience=options["audience"],
            typ=kind.typ if kind is not None else options["typ"],
            algorithms=algorithms,
            leeway=options["leeway"],
            kind=kind,
        )
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error


def _refuse(error: InvalidToken, text: str, options: Mapping[str, Any], now: int) -> NoReturn:
    claim = error.claim if isinstance(error, ClaimInvalid) else ""
    if options["as_json"]:
        document = {"verified": False, "error": error.code, "message": str(error)}
        show_document(document | ({"claim": claim} if claim else {}))
    else:
        click.echo(f"not valid: {error.code}: {error}", err=True)
        hint = _hint(error, claim, text, now)
        if hint:
            click.echo(f"  {printable(hint)}", err=True)
    sys.exit(EXIT_INVALID)


def _hint(error: InvalidToken, claim: str, text: str, now: int) -> str:
    parts = dissect(text)
    header = parts.headers[0].members if parts.headers else {}
    claims = parts.claims.members if parts.claims is not None else {}
    match error.code:
        case "typ_mismatch":
            return f"Its header says typ {header.get('typ')!r}."
        case "algorithm_not_allowed":
            return f"Its header says alg {header.get('alg')!r}. --alg names those that you allow."
        case "unknown_key":
            return f"Its header says kid {header.get('kid')!r}."
        case "token_expired":
            expired_at = numeric_date(claims.get("exp"))
            return "" if expired_at is None else f"It expired {relative(expired_at, now)}."
        case "claim_invalid" if claim in {"iss", "aud"}:
            return f"It says {claim} {claims.get(claim)!r}."
        case "malformed_token" if parts.form is Form.COMPACT_JWE:
            return "It is encrypted: --decrypt-key opens it with your own key, and what is inside is verified."
        case "malformed_token":
            return "`valetkey jwt inspect` says what is wrong with it."
        case _:
            return ""


def _show(verified: VerifiedJwt, now: int, *, as_json: bool) -> None:
    key = verified.key
    if as_json:
        named = {"alg": key.algorithm, "kid": key.kid} | ({} if key.is_symmetric else {"jkt": key.thumbprint()})
        document = {
            "verified": True,
            "header": dict(verified.header),
            "claims": dict(verified.claims),
            "key": named,
        }
        show_document(document)
        return
    by = f"with {key.algorithm}" + (f", key {printable(key.kid)}" if key.kid else "")
    say(click.style(f"valid: signed {by}", fg="green"))
    show_object("header", verified.header)
    show_object("claims", verified.claims)
    show_times(verified.claims, now)
