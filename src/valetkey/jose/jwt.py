"""JSON Web Token: sign, verify, peek (RFC 7519, 7; RFC 8725, 3)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.jose.algorithms import allowed_signatures
from valetkey.jose.clock import Clock, system_clock
from valetkey.jose.encoding import (
    MAXIMUM_DEPTH,
    MAXIMUM_NUMERIC_DATE,
    decode_segment,
    decode_segments,
    encode_segment,
    json_octets,
    numeric_date,
    parse_json_object,
)
from valetkey.jose.errors import (
    AlgorithmNotAllowed,
    ClaimInvalid,
    ClaimMissing,
    ConfigurationError,
    MalformedToken,
    TokenExpired,
    TokenNotYetValid,
    TypMismatch,
)
from valetkey.jose.jwk import Jwk, signer_of, verification_of
from valetkey.jose.jws import (
    MAXIMUM_HEADER_OCTETS,
    JwsLimits,
    ProtectedHeader,
    may_be_shared,
    normal_typ,
    parse_compact,
    parse_header,
    require_limits,
    split_compact,
    verify_with,
)
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import AT_JWT as _AT_JWT
from valetkey.jose.token_kinds import CLIENT_ASSERTION, ID_TOKEN, TokenKind, plain_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping  # noqa: TC004 - annotations only

    from valetkey.jose.jwe import Decrypter
    from valetkey.jose.jwk_set import JwkSet

AT_JWT: Final = _AT_JWT.typ

MAXIMUM_JWT_OCTETS: Final = 16_384
MAXIMUM_LEEWAY: Final = 60
_PEEKED: Final = JwsLimits(token_octets=MAXIMUM_JWT_OCTETS)
_KNOWN_HEADERS: Final = 32


class VerifiedJwt(msgspec.Struct, frozen=True):
    """A JWT that was verified: `key` signed it, and every claim that its verifier names holds."""

    claims: Mapping[str, object]
    header: Mapping[str, object]
    key: Jwk


class UnverifiedJwt(msgspec.Struct, frozen=True):
    """What a JWT says of itself: nothing of it may be believed. Not accepted where a verified one is wanted."""

    claims: Mapping[str, object]
    header: Mapping[str, object]


def peek(token: str) -> UnverifiedJwt:
    """Returns the header and the claims of a compact JWS without verifying anything; MalformedToken otherwise."""
    parts = parse_compact(token, _PEEKED)
    return UnverifiedJwt(parse_json_object(decode_segment(parts.payload_segment)), parts.header.members)


def sign(claims: Mapping[str, object], key: Jwk, *, typ: str) -> str:
    """Returns the compact JWT of `claims`, signed by `key`; its header is `alg`, `kid` and `typ`, nothing else.

    ConfigurationError where a claim is no JSON value (NaN, a time that is no NumericDate) or the key cannot sign.
    """
    header = key._headers.get(typ)  # noqa: SLF001 - the key remembers its own headers
    segment, signer = _header_of(key, typ) if header is None else header
    signed = segment + encode_segment(json_octets(claims))
    return (signed + b"." + encode_segment(signer(signed))).decode("ascii")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _header_of(key: Jwk, typ: str) -> tuple[bytes, Callable[[bytes], bytes]]:
    signer = signer_of(key)
    if not _is_text(typ):
        raise ConfigurationError("A JWT says of which kind it is: typ is a non-empty string.")
    members: dict[str, object] = {"alg": key.algorithm}
    if key.kid is not None:
        members["kid"] = key.kid
    segment = encode_segment(json_octets(members | {"typ": typ})) + b"."
    known = key._headers  # noqa: SLF001 - the key remembers its own headers
    if len(known) >= _KNOWN_HEADERS:
        known.clear()
    known[typ] = segment, signer
    return segment, signer


class _Recognised(msgspec.Struct, frozen=True):
    # A header that was judged, and the one of `keys` that it means.
    keys: JwkSet
    key: Jwk
    verify: Callable[[bytes, bytes], None]
    members: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """What one recipient believes: built once, immutable, safe to share between threads.

    `issuer`, `audience`, `typ` and `algorithms` are local configuration and have no default; ConfigurationError
    where they are unsafe. `leeway` seconds (at most 60) are granted to `iat` and `nbf` in the future, never to
    `exp`. `required` names further claims that must be there; `max_age` is how many seconds ago `iat` may be. The
    token and its header are of at most so many octets, and JSON in them is nested at most so deep (1 to 100).
    """

    issuer: str
    audience: str | Collection[str]
    typ: str
    algorithms: Collection[str]
    leeway: int = 10
    required: Collection[str] = ()
    max_age: int | None = None
    clock: Clock = system_clock
    maximum_octets: int = MAXIMUM_JWT_OCTETS
    maximum_header_octets: int = MAXIMUM_HEADER_OCTETS
    maximum_depth: int = MAXIMUM_DEPTH
    kind: TokenKind | None = None
    _recognised: dict[bytes, _Recognised] = field(init=False, repr=False, compare=False, default_factory=dict)
    _kind: TokenKind = field(init=False, repr=False, compare=False)
    _allowed: frozenset[str] = field(init=False, repr=False, compare=False)
    _audiences: frozenset[str] = field(init=False, repr=False, compare=False)
    _required: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _is_text(self.issuer):
            raise ConfigurationError("The issuer is a non-empty string.")
        if not _is_text(self.typ):
            raise ConfigurationError("The typ is a non-empty string: it says which kind of token is believed.")
        if not 0 <= self.leeway <= MAXIMUM_LEEWAY:
            raise ConfigurationError(f"The leeway is 0 to {MAXIMUM_LEEWAY} seconds.")
        require_limits(self.maximum_octets, self.maximum_header_octets, depth=self.maximum_depth)
        audiences = {self.audience} if isinstance(self.audience, str) else set(self.audience or ())
        if not audiences or not all(map(_is_text, audiences)):
            raise ConfigurationError("The audience is a non-empty string or a non-empty collection of them.")
        kind = plain_kind(self.typ, normal_typ(self.typ)) if self.kind is None else self.kind
        required = kind.required | set(self.required)
        if self.max_age is not None:
            required |= {"iat"}
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_allowed", allowed_signatures(self.algorithms))
        object.__setattr__(self, "_audiences", frozenset(audiences))
        object.__setattr__(self, "_required", frozenset(required))

    @classmethod
    def of_kind(
        cls, kind: TokenKind, *, issuer: str, audience: str | Collection[str], algorithms: Collection[str]
    ) -> Verifier:
        """Returns the verifier of one kind of token; ConfigurationError where what it expects is unsafe."""
        return cls(issuer=issuer, audience=audience, typ=kind.typ, algorithms=algorithms, kind=kind)

    @classmethod
    def access_token(cls, *, issuer: str, audience: str | Collection[str], algorithms: Collection[str]) -> Verifier:
        """Returns the verifier of JWT access tokens (RFC 9068, 4); ConfigurationError as from `of_kind`."""
        return cls.of_kind(_AT_JWT, issuer=issuer, audience=audience, algorithms=algorithms)

    @classmethod
    def id_token(cls, *, issuer: str, client_id: str, algorithms: Collection[str]) -> Verifier:
        """Returns the verifier of a client's ID Tokens (OpenID Connect Core, 3.1.3.7) but for the nonce.

        ConfigurationError as from `of_kind`.
        """
        return cls.of_kind(ID_TOKEN, issuer=issuer, audience=client_id, algorithms=algorithms)

    @classmethod
    def client_assertion(
        cls, *, client_id: str, audience: str | Collection[str], algorithms: Collection[str]
    ) -> Verifier:
        """Returns the verifier of a client's assertions (RFC 7523, 3); that a jti is new, the caller knows.

        ConfigurationError as from `of_kind`.
        """
        return cls.of_kind(CLIENT_ASSERTION, issuer=client_id, audience=audience, algorithms=algorithms)

    def verify(self, token: str, keys: JwkSet, *, now: int | None = None) -> VerifiedJwt:
        """Returns the verified token, or raises the InvalidToken that says why not (RFC 7519, 7.2).

        `now` is in seconds since the epoch; without it the verifier's clock is read.
        """
        segments = split_compact(token, self.maximum_octets)
        segment, payload_segment, signature_segment, signed = segments
        recognised = self._recognised.get(segment)
        if recognised is None or recognised.keys is not keys:
            recognised, payload = self._recognise(segments, keys)
        else:
            signature, payload = decode_segments(signature_segment, payload_segment)
            recognised.verify(signature, signed)
        claims = parse_json_object(payload, self.maximum_depth)
        self._judge(claims, self.clock() if now is None else now)
        return VerifiedJwt(claims, recognised.members, recognised.key)

    def _recognise(self, segments: tuple[bytes, bytes, bytes, bytes], keys: JwkSet) -> tuple[_Recognised, bytes]:
        segment, payload_segment, signature_segment, signed = segments
        header = parse_header(segment, self.maximum_header_octets, self.maximum_depth)
        self._judge_header(header)
        candidates = keys.candidates(header.kid, header.algorithm, self._allowed)
        signature, payload = decode_segments(signature_segment, payload_segment)
        key = verify_with(candidates, signature, signed)
        recognised = _Recognised(keys, key, verification_of(key), header.members)
        # Remembered only now that its one key has signed it: nobody else can crowd out what is remembered.
        if len(candidates) == 1 and may_be_shared(segment, header.members):
            if len(self._recognised) >= _KNOWN_HEADERS:
                self._recognised.clear()
            self._recognised[segment] = recognised
        return recognised, payload

    def kid_of(self, token: str) -> str | None:
        """Returns the `kid` of a token whose header could be believed, or raises; nothing is verified by it."""
        segment = split_compact(token, self.maximum_octets)[0]
        header = parse_header(segment, self.maximum_header_octets, self.maximum_depth)
        self._judge_header(header)
        return header.kid

    def _judge_header(self, header: ProtectedHeader) -> None:
        if header.is_critical:
            # RFC7797-7/jwt
            raise MalformedToken("A JWT has no critical extensions that are understood (RFC 7797, 7).")
        if header.algorithm not in self._allowed:
            raise AlgorithmNotAllowed("The header's algorithm is not allowed.")  # RFC8725-3.1/algorithms
        if header.typ not in self._kind.accepted:
            # RFC8725-3.12/exclusive-rules
            raise TypMismatch(f"The token's typ is not that of {self._kind.name}.")

    def _judge(self, claims: Mapping[str, object], now: int) -> None:
        if not claims.keys() >= self._required:
            missing = min(self._required - claims.keys())
            raise ClaimMissing(f"The claim {missing!r} is missing.", missing)
        kind = self._kind
        if claims.get("iss") != self.issuer and ("iss" in claims or "iss" not in kind.may_lack):
            raise ClaimInvalid("The token is of another issuer.", "iss")  # RFC8725-3.8/issuer
        audience = claims.get("aud")
        if kind.has_audience and (type(audience) is not str or audience not in self._audiences):
            self._judge_audiences(claims)
        # Whole numbers of sensible size, as nearly all times are, take one comparison; all others the long way.
        exp, iat, latest = claims.get("exp"), claims.get("iat"), now + self.leeway
        if (
            not (type(exp) is int and now < exp <= MAXIMUM_NUMERIC_DATE)
            and "exp" in claims
            and now >= _time(claims, "exp")
        ):
            raise TokenExpired("The token has expired.")  # RFC7519-4.1.4/exp
        if not (type(iat) is int and 0 <= iat <= latest) and "iat" in claims and _time(claims, "iat") > latest:
            raise TokenNotYetValid("The time in 'iat' lies in the future.")
        if "nbf" in claims and _time(claims, "nbf") > latest:
            raise TokenNotYetValid("The time in 'nbf' lies in the future.")  # RFC7519-4.1.5/nbf
        if self.max_age is not None and now - _time(claims, "iat") > self.max_age:
            raise ClaimInvalid("The token was issued too long ago.", "iat")
        if kind.forbidden and not claims.keys().isdisjoint(kind.forbidden):
            raise ClaimInvalid(f"The token has a claim that marks it as something else than {kind.name}.")
        kind.rule(claims)

    def _judge_audiences(self, claims: Mapping[str, object]) -> None:
        audience = claims.get("aud")
        if "aud" not in claims and "aud" in self._kind.may_lack:
            return
        if (
            isinstance(audience, list)
            and all(isinstance(one, str) for one in audience)
            and not self._audiences.isdisjoint(audience)
        ):
            return
        raise ClaimInvalid("The token is for another audience.", "aud")  # RFC7519-4.1.3/aud


def _time(claims: Mapping[str, object], name: str) -> int | float:
    value = claims[name]
    time = numeric_date(value)
    if time is None:
        raise ClaimInvalid(f"The claim {name!r} is not a NumericDate.", name)
    return time


def sign_then_encrypt(
    claims: Mapping[str, object], key: Jwk, recipient: Jwk, *, typ: str, encryption: str = "A256GCM"
) -> str:
    """Returns the JWT of `claims`, signed by `key`, encrypted for the owner of `recipient` (RFC 7519, 11.2).

    ConfigurationError where a claim is no JSON value, or a key is not for what it is asked to do.
    """
    from valetkey.jose.jwe import encrypt  # noqa: PLC0415 - who does not encrypt does not load it

    signed = sign(claims, key, typ=typ)
    return encrypt(signed.encode("ascii"), recipient, encryption=encryption, header={"cty": "JWT", "typ": typ})


def decrypt_then_verify(
    token: str, decrypter: Decrypter, verifier: Verifier, keys: JwkSet, *, now: int | None = None
) -> VerifiedJwt:
    """Returns the verified JWT inside of an encrypted one; MalformedToken where there is none (RFC 7519, 7.2).

    Otherwise the InvalidToken of the decryption or of the verification.
    """
    return verifier.verify(opened_jwt(token, decrypter), keys, now=now)


def opened_jwt(token: str, decrypter: Decrypter) -> str:
    """Returns the signed JWT inside of an encrypted one, not verified yet; MalformedToken where there is none."""
    opened = decrypter.decrypt(token)
    content = opened.header.get("cty")
    if not isinstance(content, str) or normal_typ(content) != "jwt":
        raise MalformedToken("The encrypted token says of no JWT inside of it.")  # RFC7519-5.2/nested
    return opened.plaintext.decode("latin-1")
