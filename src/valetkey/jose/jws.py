"""JSON Web Signature, compact serialization: one strict pass over the text (RFC 7515, 3.1, 5 and 7.1)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.jose.algorithms import allowed_signatures
from valetkey.jose.encoding import (
    DEEPEST,
    MAXIMUM_DEPTH,
    b64url_encode,
    decode_segment,
    json_octets,
    parse_json_object,
)
from valetkey.jose.errors import (
    AlgorithmNotAllowed,
    ConfigurationError,
    MalformedToken,
    SignatureInvalid,
    TokenTooLarge,
)
from valetkey.jose.jwk import Jwk, signer_of
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from valetkey.jose.jwk_set import JwkSet

MAXIMUM_TOKEN_OCTETS: Final = 65_536
MAXIMUM_HEADER_OCTETS: Final = 16_384

_DOT: Final = ord(".")
_STRING: Final = frozenset({str})
_KNOWN_HEADERS: Final = 512
_KNOWN_HEADER_LENGTH: Final = 512
_known_headers: Final[dict[bytes, ProtectedHeader]] = {}


@dataclass(frozen=True, slots=True)
class JwsLimits:
    """What a recipient of a JWS takes at most; ConfigurationError for a limit that is none.

    `token_octets` are of the whole text, or of a detached payload; `header_octets` of a protected header in
    base64url; `depth` is how deep the JSON may be nested, 1 to 100; `signatures` how many may be over one payload.
    """

    token_octets: int = MAXIMUM_TOKEN_OCTETS
    header_octets: int = MAXIMUM_HEADER_OCTETS
    depth: int = MAXIMUM_DEPTH
    signatures: int = 16

    def __post_init__(self) -> None:
        require_limits(self.token_octets, self.header_octets, self.signatures, depth=self.depth)


def require_limits(*counts: int, depth: int) -> None:
    """Returns, or raises ConfigurationError where a count is not positive or the depth is not 1 to 100."""
    if not all(type(count) is int and count > 0 for count in counts):
        raise ConfigurationError("A limit is a positive number.")
    if type(depth) is not int or not 0 < depth <= DEEPEST:
        raise ConfigurationError(f"The depth is 1 to {DEEPEST}.")


DEFAULT_LIMITS: Final = JwsLimits()


class ProtectedHeader(msgspec.Struct, frozen=True):
    """A JOSE header whose shape is sound: `alg`, `kid` and `typ` have their types, and `crit` is understood.

    `typ` is lower case, without its "application/" prefix (RFC 7515, 4.1.9).
    """

    algorithm: str
    kid: str | None
    typ: str | None
    members: Mapping[str, object]
    is_encoded: bool = True
    is_critical: bool = False


class CompactJws(msgspec.Struct, frozen=True):
    """The parts of a compact JWS: nothing is verified yet."""

    header: ProtectedHeader
    payload_segment: bytes
    signature_segment: bytes
    signed: bytes


class VerifiedJws(msgspec.Struct, frozen=True):
    """A JWS whose signature was verified with `key`."""

    payload: bytes
    header: Mapping[str, object]
    key: Jwk


def parse_header(
    segment: bytes, maximum_octets: int = MAXIMUM_HEADER_OCTETS, maximum_depth: int = MAXIMUM_DEPTH
) -> ProtectedHeader:
    """Returns the header of a base64url segment; remembers it by its text, so that most tokens skip the parse."""
    if len(segment) > maximum_octets:
        raise TokenTooLarge("The header is larger than the limit.")
    header = _known_headers.get(segment)
    if header is not None:
        return header
    members = parse_json_object(decode_segment(segment), maximum_depth)
    header = sound_header(members)
    if may_be_shared(segment, members):
        if len(_known_headers) >= _KNOWN_HEADERS:
            _known_headers.clear()
        _known_headers[segment] = header
    return header


def may_be_shared(segment: bytes, members: Mapping[str, object]) -> bool:
    """Tells whether a header may be remembered: it is short, and nobody can change what others will see."""
    return len(segment) <= _KNOWN_HEADER_LENGTH and _STRING.issuperset(map(type, members.values()))


def sound_header(members: Mapping[str, object], unprotected: frozenset[str] = frozenset()) -> ProtectedHeader:
    """Returns the header of its members, or MalformedToken (RFC 7515, 4.1); no `unprotected` one is critical."""
    algorithm, kid, typ = members.get("alg"), members.get("kid", _ABSENT), members.get("typ", _ABSENT)
    if not isinstance(algorithm, str):
        raise MalformedToken("The header names no algorithm.")  # RFC7515-4.1.1/alg
    if not (kid is _ABSENT or isinstance(kid, str)) or not (typ is _ABSENT or isinstance(typ, str)):
        raise MalformedToken("The header's kid or typ is not a string.")  # RFC7515-4.1.4/kid
    is_encoded = True
    if "crit" in members or "b64" in members:
        # RFC 7797 is the one extension that is understood: critical, protected, and a boolean.
        if members.get("crit") != ["b64"] or not unprotected.isdisjoint({"crit", "b64"}):
            # RFC7515-4.1.11/crit
            raise MalformedToken("The header has critical parameters that are not understood.")
        if not isinstance(members.get("b64"), bool):
            raise MalformedToken("The header's b64 is not a boolean.")  # RFC7797-6/crit
        is_encoded = members["b64"] is True
    return ProtectedHeader(
        algorithm,
        None if kid is _ABSENT else str(kid),
        None if typ is _ABSENT else normal_typ(str(typ)),
        MappingProxyType(dict(members)),
        is_encoded,
        "crit" in members,
    )


_ABSENT: Final = object()


def normal_typ(typ: str) -> str:
    """Returns a media type as two are compared: lower case, without "application/" (RFC 7515, 4.1.9)."""
    return typ.lower().removeprefix("application/")  # RFC7515-4.1.9/application


def parse_compact(token: str, limits: JwsLimits = DEFAULT_LIMITS) -> CompactJws:
    """Returns the parts of a compact JWS; MalformedToken or TokenTooLarge where it is none."""
    header_segment, payload_segment, signature_segment, signed = split_compact(token, limits.token_octets)
    header = parse_header(header_segment, limits.header_octets, limits.depth)
    return CompactJws(header, payload_segment, signature_segment, signed)


def split_compact(token: str, maximum_octets: int) -> tuple[bytes, bytes, bytes, bytes]:
    """Returns the segments of header, payload and signature, and the octets that are signed; nothing is decoded.

    MalformedToken or TokenTooLarge where the text is no compact JWS.
    """
    if not isinstance(token, str):
        raise MalformedToken("A compact token is a string.")
    if len(token) > maximum_octets:
        raise TokenTooLarge("The token is larger than the limit.")
    try:
        signed, _, signature_segment = token.encode("ascii").rpartition(b".")
    except UnicodeEncodeError:
        raise MalformedToken("A compact token is ASCII text.") from None
    header_segment, dot, payload_segment = signed.partition(b".")
    if not dot or _DOT in payload_segment:
        raise MalformedToken("A compact JWS has three segments.")
    return header_segment, payload_segment, signature_segment, signed


def verify_with(candidates: tuple[Jwk, ...], signature: bytes, signed: bytes) -> Jwk:
    """Returns the one of the keys that the signature is of, or raises SignatureInvalid."""
    if len(candidates) == 1:
        key = candidates[0]
        key._bound.verify(signature, signed)  # type: ignore[union-attr]  # noqa: SLF001 - candidates are bound
        return key
    for key in candidates:
        try:
            key._bound.verify(signature, signed)  # type: ignore[union-attr]  # noqa: SLF001 - candidates are bound
        except SignatureInvalid:
            continue
        return key
    raise SignatureInvalid("The signature does not match.")  # RFC7515-5.2/signature


def sign_compact(payload: bytes, key: Jwk, *, header: Mapping[str, object] | None = None) -> str:
    """Returns the compact JWS of `payload`; `header` adds parameters, but not `alg`, `kid`, `crit` or `b64`.

    ConfigurationError for one of those, for a header that is no JSON, or for a key that cannot sign.
    """
    signed = f"{b64url_encode(json_octets(own_header(key, header)))}.{b64url_encode(payload)}"
    return f"{signed}.{b64url_encode(signer_of(key)(signed.encode('ascii')))}"


def own_header(key: Jwk, header: Mapping[str, object] | None) -> dict[str, object]:
    """Returns the header that `key` gives, with the caller's parameters; ConfigurationError where those overlap."""
    members: dict[str, object] = {"alg": key.algorithm}
    if key.kid is not None:
        members["kid"] = key.kid
    if header is not None:
        if not _OWN_PARAMETERS.isdisjoint(header):
            raise ConfigurationError("The key names alg and kid; crit and b64 have functions of their own.")
        members |= header
    return members


_OWN_PARAMETERS: Final = frozenset({"alg", "kid", "crit", "b64"})


def verify_compact(
    token: str, keys: JwkSet, *, algorithms: Collection[str], limits: JwsLimits = DEFAULT_LIMITS
) -> VerifiedJws:
    """Returns the payload of a compact JWS that a key of `keys` signed with one of `algorithms` (RFC 7515, 5.2).

    Otherwise the InvalidToken that says why not; ConfigurationError where the list of algorithms is unsafe.
    """
    parts = parse_compact(token, limits)
    payload = payload_of(parts.payload_segment, parts.header)
    return _verified(parts.header, payload, parts.signed, parts.signature_segment, keys, algorithms)


def sign_detached(payload: bytes, key: Jwk, *, header: Mapping[str, object] | None = None) -> str:
    """Returns the compact JWS of a `payload` that travels on its own: its segment is empty (RFC 7515, F).

    ConfigurationError as from `sign_compact`.
    """
    protected, _, signature = sign_compact(payload, key, header=header).split(".")
    return f"{protected}..{signature}"


def sign_unencoded(payload: bytes, key: Jwk, *, header: Mapping[str, object] | None = None) -> str:
    """As `sign_detached`, errors too, but the octets of `payload` are signed as they are (RFC 7797, b64 false)."""
    members = own_header(key, header) | {"b64": False, "crit": ["b64"]}
    protected = b64url_encode(json_octets(members))
    signed = protected.encode("ascii") + b"." + payload
    return f"{protected}..{b64url_encode(signer_of(key)(signed))}"


def verify_detached(
    token: str,
    payload: bytes,
    keys: JwkSet,
    *,
    algorithms: Collection[str],
    limits: JwsLimits = DEFAULT_LIMITS,
) -> VerifiedJws:
    """Returns the JWS whose `payload` came on its own, encoded as the header says (RFC 7515, F; RFC 7797).

    Errors as from `verify_compact`; MalformedToken too where the token has a payload of its own.
    """
    parts = parse_compact(token, limits)
    if parts.payload_segment:
        raise MalformedToken("The payload of a detached JWS is not in the token.")
    if len(payload) > limits.token_octets:
        raise TokenTooLarge("The payload is larger than the limit.")
    content = b64url_encode(payload).encode("ascii") if parts.header.is_encoded else payload
    return _verified(parts.header, payload, parts.signed + content, parts.signature_segment, keys, algorithms)


def payload_of(segment: bytes, header: ProtectedHeader) -> bytes:
    """Returns the payload of its segment, which is base64url unless the header says otherwise (RFC 7797, 5)."""
    return decode_segment(segment) if header.is_encoded else segment


def _verified(  # noqa: PLR0917 - the parts of one JWS, each once
    header: ProtectedHeader,
    payload: bytes,
    signed: bytes,
    signature_segment: bytes,
    keys: JwkSet,
    algorithms: Collection[str],
) -> VerifiedJws:
    allowed = allowed_signatures(algorithms)
    if header.algorithm not in allowed:
        raise AlgorithmNotAllowed("The header's algorithm is not allowed.")
    signature = decode_segment(signature_segment)
    key = verify_with(keys.candidates(header.kid, header.algorithm, allowed), signature, signed)
    return VerifiedJws(payload, header.members, key)
