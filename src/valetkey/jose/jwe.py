"""JSON Web Encryption, compact serialization (RFC 7516, 3.1, 5 and 7.1)."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.jose.algorithms import (
    CONTENT_ENCRYPTIONS,
    DIRECT,
    KEY_MANAGEMENT_ALGORITHMS,
    allowed_encryptions,
    allowed_key_management,
)
from valetkey.jose.content_encryption import ContentEncryption, decryption_failed
from valetkey.jose.encoding import MAXIMUM_DEPTH, b64url_encode, decode_segment, json_octets
from valetkey.jose.entropy import random_octets
from valetkey.jose.errors import (
    AlgorithmNotAllowed,
    ConfigurationError,
    DecryptionFailed,
    InvalidKey,
    InvalidToken,
    MalformedToken,
    TokenTooLarge,
    UnknownKey,
)
from valetkey.jose.jwk import Jwk, encryption_of
from valetkey.jose.jwk_set import JwkSet
from valetkey.jose.jws import (
    MAXIMUM_HEADER_OCTETS,
    ProtectedHeader,
    may_be_shared,
    parse_header,
    require_limits,
    sound_header,
)
from valetkey.jose.key_management import MAXIMUM_PBES2_COUNT
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.jose.key_management import BoundEncryption, Wrapped

_SEGMENTS: Final = 5
_KNOWN_HEADERS: Final = 32
_NONE: Final[frozenset[str]] = frozenset()


class Compression(StrEnum):
    """Whether the plaintext is compressed: it tells lengths to who can inject text, and bombs are cheap."""

    NONE = "none"
    DEFLATE = "DEF"


@dataclass(frozen=True, slots=True)
class JweLimits:
    """What a recipient of a JWE takes at most; ConfigurationError for a limit that is none.

    Octets of the token, of the inflated plaintext and of the protected header in base64url; how often a password is
    stretched; how many recipients there are; how deep JSON is nested, 1 to 100.
    """

    token_octets: int = 262_144
    inflated_octets: int = 250_000
    pbes2_count: int = MAXIMUM_PBES2_COUNT
    recipients: int = 16
    header_octets: int = MAXIMUM_HEADER_OCTETS
    depth: int = MAXIMUM_DEPTH

    def __post_init__(self) -> None:
        counts = (self.token_octets, self.inflated_octets, self.pbes2_count, self.recipients, self.header_octets)
        require_limits(*counts, depth=self.depth)


DEFAULT_LIMITS: Final = JweLimits()


class DecryptedJwe(msgspec.Struct, frozen=True):
    """A plaintext that `key` opened. Whoever has the public key can have written it: it proves no sender."""

    plaintext: bytes
    header: Mapping[str, object]
    key: Jwk


class SealedContent(msgspec.Struct, frozen=True):
    """What of a JWE is shared by its recipients."""

    aad: bytes
    iv: bytes
    ciphertext: bytes
    tag: bytes


class _Recognised(msgspec.Struct, frozen=True):
    # A header that was judged, and the keys that it may mean.
    encryption: ContentEncryption
    candidates: tuple[Jwk, ...]
    header: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decrypter:
    """What one recipient opens: built once, immutable. The two lists are local configuration and have no default.

    RSA1_5 is on no list but as `algorithms.INSECURE_RSA1_5`. `compression` says whether `zip` is believed.
    """

    keys: JwkSet
    algorithms: Collection[str]
    encryptions: Collection[str]
    compression: Compression = Compression.NONE
    limits: JweLimits = DEFAULT_LIMITS
    _recognised: dict[bytes, _Recognised] = field(init=False, repr=False, compare=False, default_factory=dict)
    _algorithms: frozenset[str] = field(init=False, repr=False, compare=False)
    _encryptions: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_algorithms", allowed_key_management(self.algorithms))
        object.__setattr__(self, "_encryptions", allowed_encryptions(self.encryptions))

    def decrypt(self, token: str) -> DecryptedJwe:
        """Returns the plaintext of a compact JWE, or raises the InvalidToken that says why not (RFC 7516, 5.2).

        DecryptionFailed, with one message, for all that depends on a key.
        """
        if not isinstance(token, str):
            raise MalformedToken("A compact token is a string.")
        if len(token) > self.limits.token_octets:
            raise TokenTooLarge("The token is larger than the limit.")
        try:
            segments = token.encode("ascii").split(b".", _SEGMENTS)
        except UnicodeEncodeError:
            raise MalformedToken("A compact token is ASCII text.") from None
        if len(segments) != _SEGMENTS:
            raise MalformedToken("A compact JWE has five segments.")
        protected = segments[0]
        known = self._recognised.get(protected)
        recognised = (
            self._recognise(parse_header(protected, self.limits.header_octets, self.limits.depth), _NONE)
            if known is None
            else known
        )
        encrypted_key, iv, ciphertext, tag = map(decode_segment, segments[1:])
        opened = self._unseal(recognised, encrypted_key, SealedContent(protected, iv, ciphertext, tag))
        if known is None:
            self._remember(protected, recognised)
        return opened

    def unseal(
        self,
        header: Mapping[str, object],
        unprotected: frozenset[str],
        encrypted_key: bytes,
        sealed: SealedContent,
    ) -> DecryptedJwe:
        """Returns the plaintext for one recipient with its whole `header`; no `unprotected` name is critical.

        Errors as from `decrypt`.
        """
        recognised = self._recognise(sound_header(header, unprotected), unprotected)
        return self._unseal(recognised, encrypted_key, sealed)

    def _recognise(self, sound: ProtectedHeader, unprotected: frozenset[str]) -> _Recognised:
        enc = self._encryption(sound, unprotected)
        return _Recognised(enc, self._candidates(sound, enc), sound.members)

    def _remember(self, segment: bytes, recognised: _Recognised) -> None:
        if may_be_shared(segment, recognised.header):
            if len(self._recognised) >= _KNOWN_HEADERS:
                self._recognised.clear()
            self._recognised[segment] = recognised

    def _unseal(self, recognised: _Recognised, encrypted_key: bytes, sealed: SealedContent) -> DecryptedJwe:
        header = recognised.header
        failure: InvalidToken | None = None
        for key in recognised.candidates:
            unwrap = encryption_of(key).unwrap
            if unwrap is None:
                raise InvalidKey("The key cannot decrypt: its private part is unknown.")
            try:
                cipher = unwrap(recognised.encryption, header, encrypted_key, self.limits.pbes2_count)
                plaintext = cipher.unseal(sealed.iv, sealed.ciphertext, sealed.tag, sealed.aad)
            except (DecryptionFailed, MalformedToken) as error:
                failure = error
                continue
            if "zip" in header:
                plaintext = _inflated(plaintext, self.limits.inflated_octets)
            return DecryptedJwe(plaintext, header, key)
        raise decryption_failed() if failure is None else failure

    def _encryption(self, sound: ProtectedHeader, unprotected: frozenset[str]) -> ContentEncryption:
        header = sound.members
        if sound.is_critical:
            # RFC7516-4.1.13/crit
            raise MalformedToken("The header has critical parameters that are not understood.")
        enc = header.get("enc")
        if not isinstance(enc, str):
            raise MalformedToken("The header names no content encryption.")
        if sound.algorithm not in self._algorithms or enc not in self._encryptions:
            raise AlgorithmNotAllowed("The header's alg or enc is not allowed.")
        if "zip" in header and (header["zip"] != Compression.DEFLATE or "zip" in unprotected):
            raise MalformedToken("The header's zip is unknown or not protected.")
        if "zip" in header and self.compression is Compression.NONE:
            raise AlgorithmNotAllowed("Compressed plaintext is not allowed.")
        return CONTENT_ENCRYPTIONS[enc]

    def _candidates(self, header: ProtectedHeader, enc: ContentEncryption) -> tuple[Jwk, ...]:
        if header.algorithm != DIRECT:
            return self.keys.candidates(header.kid, header.algorithm, self._algorithms)
        # A key for direct encryption names either `dir` or the one `enc` that it is the key of.
        found = self.keys.bound_to(header.kid, DIRECT) + self.keys.bound_to(header.kid, enc.name)
        if not found:
            raise UnknownKey("No key of the set is for direct encryption.")
        return found


def _inflated(compressed: bytes, most: int) -> bytes:
    inflater = zlib.decompressobj(-15)
    try:
        plaintext = inflater.decompress(compressed, most + 1)
    except zlib.error:
        raise decryption_failed() from None
    if len(plaintext) > most or not inflater.eof or inflater.unused_data:
        raise decryption_failed()
    return plaintext


def deflated(plaintext: bytes) -> bytes:
    """Returns `plaintext` as raw DEFLATE (RFC 7516, 4.1.3)."""
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(plaintext) + deflater.flush()


def content_encryption(name: str) -> ContentEncryption:
    """Returns the row of an `enc`, or ConfigurationError."""
    row = CONTENT_ENCRYPTIONS.get(name)
    if row is None:
        raise ConfigurationError(f"Unknown content encryption: {name!r}.")
    return row


def wrapped_for(key: Jwk, enc: ContentEncryption, cek: bytes | None) -> Wrapped:
    """Returns the content key for the owner of `key`; ConfigurationError where the key cannot be encrypted to."""
    bound: BoundEncryption = encryption_of(key)
    row = KEY_MANAGEMENT_ALGORITHMS[key.algorithm, key.kty]
    if bound.wrap is None or row.encryption not in {None, enc.name}:
        raise ConfigurationError("The key is for decryption only, or for another content encryption.")
    return bound.wrap(enc, cek)


def recipient_header(key: Jwk, wrapped: Wrapped) -> dict[str, object]:
    """Returns what a header says of one recipient: `alg`, `kid`, and what its algorithm adds."""
    members: dict[str, object] = {"alg": KEY_MANAGEMENT_ALGORITHMS[key.algorithm, key.kty].header_name}
    if key.kid is not None:
        members["kid"] = key.kid
    return {**members, **wrapped.header}


OWN_PARAMETERS: Final = frozenset(
    {"alg", "enc", "kid", "zip", "crit", "b64", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c"}
)


def encrypt(
    plaintext: bytes,
    key: Jwk,
    *,
    encryption: str,
    header: Mapping[str, object] | None = None,
    compression: Compression = Compression.NONE,
) -> str:
    """Returns the compact JWE of `plaintext` for the owner of `key`, its content encrypted with `encryption`.

    Content key and IV are drawn for every token. `header` adds parameters such as `cty`; ConfigurationError where
    it names one that the key or the encryption gives.
    """
    enc = content_encryption(encryption)
    if header is not None and not OWN_PARAMETERS.isdisjoint(header):
        raise ConfigurationError("The header names a parameter that the key or the encryption gives.")
    wrapped = wrapped_for(key, enc, None)
    members = recipient_header(key, wrapped) | {"enc": enc.name} | dict(header or {})
    if compression is Compression.DEFLATE:
        members["zip"] = compression.value
        plaintext = deflated(plaintext)
    protected = b64url_encode(json_octets(members))
    iv = random_octets(enc.iv_octets)  # RFC7518-8.4/iv
    ciphertext, tag = enc.prepare(wrapped.cek).seal(iv, plaintext, protected.encode("ascii"))
    return ".".join([protected, *map(b64url_encode, (wrapped.encrypted_key, iv, ciphertext, tag))])
