"""Lints: what is wrong, dangerous or unwise about a token or a key, in words, without verifying it (RFC 8725)."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Final

from valetkey.jose import weak_keys
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENT_ALGORITHMS, SIGNATURE_ALGORITHMS, row_for
from valetkey.jose.claim_lints import lint_claims
from valetkey.jose.dissection import Dissection, Form, ReadObject, ReadSignature, dissect
from valetkey.jose.encoding import b64url_decode
from valetkey.jose.errors import JoseError, MalformedToken
from valetkey.jose.jwk import Jwk, refuse_private
from valetkey.jose.jwt import MAXIMUM_JWT_OCTETS
from valetkey.jose.key_management import MAXIMUM_PBES2_COUNT
from valetkey.jose.lint_texts import GUESSABLE_SECRETS, LINTS, Finding, Lint, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["LINTS", "Finding", "Lint", "Severity", "lint_key", "lint_token"]

COOKIE_OCTETS: Final = 4096
HEADER_OCTETS: Final = 8192
"""What common servers take for all headers together."""
LOWEST_PBES2_COUNT: Final = 100_000
_MINIMUM_RSA_BITS: Final = 2048
_SUSPICIOUS_KID: Final = re.compile(r"\.\./|\\|://|['\";`|\x00-\x1f]|^/|\bunion\b|\bselect\b", re.IGNORECASE)
_DER_SEQUENCE: Final = 0x30
_DIGESTS: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_SIGNATURE_OCTETS: Final = {
    "HS256": 32, "HS384": 48, "HS512": 64, "ES256": 64, "ES384": 96, "ES512": 132, "ES256K": 64,
    "Ed25519": 64, "Ed448": 114, "ML-DSA-44": 2420, "ML-DSA-65": 3309, "ML-DSA-87": 4627,
}  # fmt: skip
_ENCRYPTION_NAMES: Final = frozenset(row.header_name for row in KEY_MANAGEMENT_ALGORITHMS.values())
_SEVERITIES: Final = tuple(Severity)


def lint_token(text: str, *, now: int, key: Mapping[str, object] | None = None) -> tuple[Finding, ...]:
    """Returns the findings about a token, the gravest first; nothing is verified, and nothing is raised.

    `now` is in seconds since the epoch. `key` is the JWK with which its recipient means to verify it.
    """
    return _sorted(_about(dissect(text), now, key))


def lint_key(members: Mapping[str, object]) -> tuple[Finding, ...]:
    """Returns the findings about the members of a JWK, the gravest first; no detail holds key material."""
    return _sorted(_about_key(members))


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: _SEVERITIES.index(one.severity)))


def _about(token: Dissection, now: int, key: Mapping[str, object] | None) -> Iterator[Finding]:
    yield from (Finding("malformed", fault) for fault in token.faults)
    if token.had_prefix:
        yield Finding("bearer_prefix")
    yield from _size(token)
    for header in token.headers:
        yield from _object_faults(header, "header")
        if header.is_object:
            yield from _header(header.members, token.form)
    for signature in token.signatures:
        yield from _signature(signature)
    if token.recipients:
        yield Finding("encrypted")
    if token.claims is not None:
        if not token.claims.is_object:
            yield Finding("claims_missing", token.claims.fault or "")
        else:
            yield from _object_faults(token.claims, "claims")
            header = token.headers[0] if token.headers else ReadObject()
            yield from lint_claims(token.claims.members, header.members.get("typ"), now)
    if key is not None:
        yield from _about_key(key)
        for header in token.headers:
            yield from _key_and_header(key, header.members)


def _object_faults(part: ReadObject, place: str) -> Iterator[Finding]:
    if part.fault is not None:
        yield Finding("malformed", f"The {place}: {part.fault}")
    yield from (Finding("duplicate_member", f"{name!r} in the {place}") for name in part.duplicates)


def _size(token: Dissection) -> Iterator[Finding]:
    size = f"{token.octets} octets"
    if token.octets > MAXIMUM_JWT_OCTETS:
        yield Finding("oversize_limit", size)
    elif token.octets > HEADER_OCTETS:
        yield Finding("oversize", size)
    elif token.octets > COOKIE_OCTETS:
        yield Finding("oversize_cookie", size)


# --- header ------------------------------------------------------------------------------------------------------


def _header(header: Mapping[str, object], form: Form) -> Iterator[Finding]:
    algorithm = header.get("alg")
    if form in {Form.COMPACT_JWE, Form.JSON_JWE}:
        yield from _encryption(header, algorithm)
    else:
        yield from _signature_algorithm(header, algorithm)
        if "typ" not in header:
            yield Finding("typ_missing")
    yield from _key_hints(header)
    if "crit" in header:
        yield Finding("crit", _shown(header["crit"]))


def _signature_algorithm(header: Mapping[str, object], algorithm: object) -> Iterator[Finding]:
    if algorithm is None:
        yield Finding("alg_missing")
    elif isinstance(algorithm, str) and algorithm.lower() == "none":
        yield Finding("alg_none")
    elif not isinstance(algorithm, str) or algorithm not in SIGNATURE_ALGORITHMS:
        yield Finding("alg_unknown", _shown(algorithm))
    elif SIGNATURE_ALGORITHMS[algorithm].is_symmetric:
        public = sorted(header.keys() & {"jku", "jwk", "x5u", "x5c"})
        yield Finding("alg_confusion", ", ".join(public)) if public else Finding("alg_symmetric", algorithm)
    elif algorithm == "EdDSA":
        yield Finding("alg_polymorphic")


def _encryption(header: Mapping[str, object], algorithm: object) -> Iterator[Finding]:
    if algorithm is None:
        yield Finding("alg_missing")
    elif _text(algorithm) not in _ENCRYPTION_NAMES:
        yield Finding("alg_unknown", _shown(algorithm))
    elif algorithm == "RSA1_5":
        yield Finding("alg_rsa1_5")
    if _text(header.get("enc")) not in CONTENT_ENCRYPTIONS:
        yield Finding("enc_unknown", _shown(header.get("enc")))
    if "zip" in header:
        yield Finding("zip")
    count = header.get("p2c")
    if isinstance(count, int) and count < LOWEST_PBES2_COUNT:
        yield Finding("pbes2_count", f"{count} iterations")
    elif isinstance(count, int) and count > MAXIMUM_PBES2_COUNT:
        yield Finding("pbes2_count_high", f"{count} iterations")


def _key_hints(header: Mapping[str, object]) -> Iterator[Finding]:
    kid = header.get("kid")
    if isinstance(kid, str) and _SUSPICIOUS_KID.search(kid):
        yield Finding("kid_suspicious", _shown(kid))
    elif kid is None and not header.keys() & {"jwk", "x5c", "x5t", "x5t#S256"}:
        yield Finding("kid_missing")
    yield from (
        Finding("key_by_url", f"{name}: {_shown(header[name])}") for name in ("jku", "x5u") if name in header
    )
    # A DPoP proof is made to bring its key along: the access token says which one it must be (RFC 9449, 4.2).
    if "x5c" in header or ("jwk" in header and header.get("typ") != "dpop+jwt"):
        yield Finding("key_embedded", "jwk" if "jwk" in header else "x5c")


def _signature(signature: ReadSignature) -> Iterator[Finding]:
    algorithm, octets = signature.header.members.get("alg"), signature.octets
    if not octets:
        yield Finding("signature_empty")
        return
    expected = _SIGNATURE_OCTETS.get(algorithm) if isinstance(algorithm, str) else None
    if expected is not None and len(octets) != expected:
        is_der = str(algorithm).startswith("ES") and octets[0] == _DER_SEQUENCE
        yield Finding("signature_der" if is_der else "signature_length", f"{len(octets)} octets, not {expected}")
    elif isinstance(algorithm, str) and algorithm in _DIGESTS:
        for secret in GUESSABLE_SECRETS:
            if hmac.compare_digest(hmac.digest(secret.encode(), signature.signed, _DIGESTS[algorithm]), octets):
                yield Finding("secret_guessable", repr(secret))


# --- keys --------------------------------------------------------------------------------------------------------


def _about_key(members: Mapping[str, object]) -> Iterator[Finding]:
    kty, algorithm = members.get("kty"), members.get("alg")
    is_short = False
    if kty == "oct":
        for found in _secret(members, algorithm):
            is_short |= found.code != "key_from_words"
            yield found
    elif kty == "RSA":
        bits = len(_octets(members.get("n")).lstrip(b"\0")) * 8
        if bits < _MINIMUM_RSA_BITS:
            is_short = True
            yield Finding("key_short", f"RSA, {bits} bits; at least {_MINIMUM_RSA_BITS}")
    if not is_short:
        yield from _unsound(members)
    if algorithm is None:
        yield Finding("key_without_alg")
    if members.get("kid") is None:
        yield Finding("key_without_kid")
    if kty != "oct":
        try:
            refuse_private(members)
        except JoseError:
            yield Finding("key_private")


def _secret(members: Mapping[str, object], algorithm: object) -> Iterator[Finding]:
    secret = _octets(members.get("k"))
    if weak_keys.is_asymmetric_text(secret):
        yield Finding("key_public_as_secret")
        return
    row = row_for(algorithm, "oct")
    if row is not None and len(secret) < row.size:
        yield Finding("key_short", f"{len(secret)} octets; {row.name} wants {row.size}")
    if secret.decode("latin-1") in GUESSABLE_SECRETS:
        yield Finding("secret_guessable")
    elif secret and all(0x20 <= octet < 0x7F for octet in secret):  # noqa: PLR2004 - printable ASCII
        yield Finding("key_from_words")


def _unsound(members: Mapping[str, object]) -> Iterator[Finding]:
    kty, curve = members.get("kty"), members.get("crv")
    algorithm = members.get("alg")
    if algorithm is None:
        names = [row.name for row in SIGNATURE_ALGORITHMS.values() if row.fits(kty, curve)]
        names += [row.name for row in KEY_MANAGEMENT_ALGORITHMS.values() if row.fits(kty, curve)]
        algorithm = names[0] if names else None
    try:
        Jwk.parse({**members, "alg": algorithm} if algorithm is not None else members)
    except JoseError as error:
        yield Finding("key_unsound", str(error))


def _key_and_header(key: Mapping[str, object], header: Mapping[str, object]) -> Iterator[Finding]:
    algorithm, named = header.get("alg"), key.get("alg")
    row = SIGNATURE_ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if row is not None and row.is_symmetric and key.get("kty") != "oct":
        yield Finding("alg_confusion", f"{row.name} with a key of type {_shown(key.get('kty'))}")
    elif (
        named is not None
        and algorithm != named
        and not (_text(named) in CONTENT_ENCRYPTIONS and algorithm == "dir")
    ):
        yield Finding("key_other_algorithm", f"{_shown(algorithm)}, and the key is for {_shown(named)}")


def _octets(value: object) -> bytes:
    try:
        return b64url_decode(value) if isinstance(value, str) else b""
    except MalformedToken:
        return b""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:79] + "…"  # noqa: PLR2004 - a line
