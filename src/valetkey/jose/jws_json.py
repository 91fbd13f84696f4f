"""JSON Web Signature, JSON serializations: one or several signatures over one payload (RFC 7515, 7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.jose.algorithms import allowed_signatures
from valetkey.jose.encoding import b64url_decode, b64url_encode, json_octets, parse_json_object
from valetkey.jose.errors import (
    AlgorithmNotAllowed,
    ConfigurationError,
    InvalidToken,
    MalformedToken,
    SignatureInvalid,
    TokenTooLarge,
)
from valetkey.jose.jwk import Jwk, signer_of
from valetkey.jose.jws import (
    DEFAULT_LIMITS,
    JwsLimits,
    ProtectedHeader,
    own_header,
    payload_of,
    sound_header,
    verify_with,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from valetkey.jose.jwk_set import JwkSet

MAXIMUM_SIGNATURES: Final = 16


class Signatures(StrEnum):
    """Which of the signatures must be valid: a JWS with several says nothing about it (RFC 7515, 5.2)."""

    ALL = "all"
    ONE = "one"


class PayloadEncoding(StrEnum):
    """How the payload is signed and sent: as base64url, or as the text that it is (RFC 7797, 3)."""

    BASE64URL = "base64url"
    NONE = "none"


class JwsSigner(msgspec.Struct, frozen=True, kw_only=True):
    """One signature to make: `header` is protected with the key's own parameters, `unprotected` is not."""

    key: Jwk
    header: Mapping[str, object] = {}
    unprotected: Mapping[str, object] = {}


class VerifiedSignature(msgspec.Struct, frozen=True):
    """One signature that was verified with `key`; `protected` is what it covers, `header` also what it does not."""

    position: int
    header: Mapping[str, object]
    protected: Mapping[str, object]
    key: Jwk


class VerifiedJsonJws(msgspec.Struct, frozen=True):
    """A payload and those of its signatures that were verified, at least one."""

    payload: bytes
    signatures: tuple[VerifiedSignature, ...]


class _Part(msgspec.Struct, frozen=True):
    header: ProtectedHeader
    protected: Mapping[str, object]
    protected_segment: str
    signature: bytes


def sign_flattened(
    payload: bytes, signer: JwsSigner, *, encoding: PayloadEncoding = PayloadEncoding.BASE64URL
) -> dict[str, object]:
    """Returns the flattened JSON serialization of one signature (RFC 7515, 7.2.2).

    ConfigurationError where the key cannot sign, a header parameter stands twice or is one that the key gives, or a
    payload without encoding is no UTF-8 text. Without its member `payload` the result is a detached JWS.
    """
    text = _payload_text(payload, encoding)
    return {"payload": text} | _signed(text, signer, encoding)


def sign_general(
    payload: bytes, signers: Sequence[JwsSigner], *, encoding: PayloadEncoding = PayloadEncoding.BASE64URL
) -> dict[str, object]:
    """Returns the general JSON serialization of 1 to 16 signatures (RFC 7515, 7.2.1); else as `sign_flattened`."""
    if not 0 < len(signers) <= MAXIMUM_SIGNATURES:
        raise ConfigurationError(f"A JWS has 1 to {MAXIMUM_SIGNATURES} signatures.")
    text = _payload_text(payload, encoding)
    return {"payload": text, "signatures": [_signed(text, signer, encoding) for signer in signers]}


def _payload_text(payload: bytes, encoding: PayloadEncoding) -> str:
    if encoding is PayloadEncoding.BASE64URL:
        return b64url_encode(payload)
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError("A payload that is not encoded is UTF-8 text.") from None


def _signed(payload: str, signer: JwsSigner, encoding: PayloadEncoding) -> dict[str, object]:
    members = own_header(signer.key, signer.header)
    if encoding is PayloadEncoding.NONE:
        members |= {"b64": False, "crit": ["b64"]}  # RFC7797-6/crit
    if not members.keys().isdisjoint(signer.unprotected) or "crit" in signer.unprotected:
        raise ConfigurationError("A header parameter stands once, and crit only where it is protected.")
    protected = b64url_encode(json_octets(members))
    signature = signer_of(signer.key)(f"{protected}.{payload}".encode())
    result: dict[str, object] = {"protected": protected}
    if signer.unprotected:
        json_octets(signer.unprotected)
        result["header"] = dict(signer.unprotected)
    return result | {"signature": b64url_encode(signature)}


def verify_json(
    value: Mapping[str, object] | str | bytes,
    keys: JwkSet,
    *,
    algorithms: Collection[str],
    signatures: Signatures,
    payload: bytes | None = None,
    limits: JwsLimits = DEFAULT_LIMITS,
) -> VerifiedJsonJws:
    """Returns the payload and the signatures of a JWS in flattened or general JSON serialization (RFC 7515, 5.2).

    `signatures` says which must be valid: with ALL the first bad one raises its InvalidToken, with ONE bad ones are
    left out and SignatureInvalid is raised where none is good. `payload` is that of a detached JWS.
    """
    allowed = allowed_signatures(algorithms)
    members = _members(value, limits)
    parts = _parts(members, limits)
    content = _content(members, payload, parts[0].header, limits.token_octets)
    octets = (
        content if payload is None or not parts[0].header.is_encoded else b64url_encode(payload).encode("ascii")
    )
    verified: list[VerifiedSignature] = []
    for position, part in enumerate(parts):
        try:
            verified.append(_verified(position, part, octets, keys, allowed))
        except InvalidToken:
            if signatures is Signatures.ALL:
                raise
    if not verified:
        raise SignatureInvalid("None of the signatures can be verified.")  # RFC7515-5.2/which-signatures
    known = payload if payload is not None else payload_of(content, parts[0].header)
    return VerifiedJsonJws(known, tuple(verified))


def _verified(
    position: int, part: _Part, octets: bytes, keys: JwkSet, allowed: frozenset[str]
) -> VerifiedSignature:
    if part.header.algorithm not in allowed:
        raise AlgorithmNotAllowed("The header's algorithm is not allowed.")
    candidates = keys.candidates(part.header.kid, part.header.algorithm, allowed)
    signed = part.protected_segment.encode("ascii") + b"." + octets
    key = verify_with(candidates, part.signature, signed)
    return VerifiedSignature(position, part.header.members, part.protected, key)


def _members(value: Mapping[str, object] | str | bytes, limits: JwsLimits) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    if len(value) > limits.token_octets:
        raise TokenTooLarge("The token is larger than the limit.")
    try:
        return parse_json_object(value.encode("utf-8") if isinstance(value, str) else value, limits.depth)
    except UnicodeEncodeError:
        raise MalformedToken("The text is not UTF-8.") from None


def _content(
    members: Mapping[str, object], payload: bytes | None, header: ProtectedHeader, maximum_octets: int
) -> bytes:
    text = members.get("payload")
    if payload is not None:
        if "payload" in members:
            raise MalformedToken("The payload of a detached JWS is not in the token.")
        return payload
    if not isinstance(text, str) or len(text) > maximum_octets:
        raise MalformedToken("The payload is not a string of sensible length.")
    try:
        octets = text.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedToken("The payload is not UTF-8.") from None
    payload_of(octets, header)
    return octets


def _parts(members: Mapping[str, object], limits: JwsLimits) -> list[_Part]:
    if "signatures" in members:
        listed = members["signatures"]
        if not isinstance(listed, list) or not 0 < len(listed) <= limits.signatures:
            raise MalformedToken(f"A JWS has 1 to {limits.signatures} signatures.")
        if not _FLATTENED.isdisjoint(members):
            raise MalformedToken("A JWS is either flattened or general.")  # RFC7515-7.2.2/signatures
    else:
        listed = [members]
    parts = [_part(one, limits) for one in listed]
    # All signatures are over the same octets, so they agree on how the payload is written (RFC 7797, 3).
    if len({part.header.is_encoded for part in parts}) > 1:
        raise MalformedToken("The signatures disagree on b64.")
    return parts


_FLATTENED: Final = frozenset({"signature", "protected", "header"})


def _part(members: object, limits: JwsLimits) -> _Part:
    if not isinstance(members, Mapping):
        raise MalformedToken("A signature is a JSON object.")
    segment, signature = members.get("protected", ""), members.get("signature")
    unprotected = members.get("header", {})
    if not isinstance(segment, str) or not isinstance(signature, str) or not isinstance(unprotected, Mapping):
        raise MalformedToken("The members of a signature have other types than they must.")
    if len(segment) > limits.header_octets:
        raise TokenTooLarge("The header is larger than the limit.")
    protected = parse_json_object(b64url_decode(segment), limits.depth) if segment else {}
    if not protected.keys().isdisjoint(unprotected):
        # RFC7515-7.2.1/disjoint
        raise MalformedToken("A header parameter stands both protected and unprotected.")
    header = sound_header({**protected, **unprotected}, frozenset(unprotected))
    return _Part(header, protected, segment, b64url_decode(signature))
