"""Key management families: how the content key reaches its recipient (RFC 7518, 4; RFC 8037, 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from valetkey.jose.content_encryption import ContentCipher, ContentEncryption, decryption_failed
from valetkey.jose.encoding import b64url_decode, b64url_encode
from valetkey.jose.entropy import random_octets
from valetkey.jose.errors import ConfigurationError, InvalidKey, MalformedToken
from valetkey.jose.key_agreement import agree, agreement_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    from valetkey.jose.key_material import Material

DEFAULT_PBES2_COUNT: Final = 120_000
MINIMUM_PBES2_COUNT: Final = 1_000
MAXIMUM_PBES2_COUNT: Final = 200_000
_SALT_OCTETS: Final = 16


class Wrapped(msgspec.Struct, frozen=True):
    """A content key for one recipient: the key itself, how it is sent, and what the header must tell."""

    cek: bytes
    encrypted_key: bytes = b""
    header: Mapping[str, object] = {}


class BoundEncryption(msgspec.Struct, frozen=True, eq=False):
    """A key bound to its one key-management algorithm.

    `wrap(enc, cek)` sends `cek`, or one of its own choice for None; `unwrap(enc, header, encrypted_key, most)`
    returns the prepared content key, `most` being the greatest PBES2 count, or raises DecryptionFailed or
    MalformedToken. `unwrap` is None where the private part is not known, `wrap` where an algorithm only decrypts.
    """

    wrap: Callable[[ContentEncryption, bytes | None], Wrapped] | None
    unwrap: Callable[[ContentEncryption, Mapping[str, object], bytes, int], ContentCipher] | None


def header_octets(header: Mapping[str, object], name: str, longest: int = 512) -> bytes:
    """Returns the octets of a base64url header parameter, or raises MalformedToken."""
    value = header.get(name)
    if not isinstance(value, str) or len(value) > longest:
        # RFC7518-4.7.1/present
        raise MalformedToken(f"The header's {name} is absent or no string of sensible length.")
    return b64url_decode(value)


def _fresh(enc: ContentEncryption, cek: bytes | None) -> bytes:
    return random_octets(enc.key_octets) if cek is None else cek


def _prepared(enc: ContentEncryption, cek: bytes) -> ContentCipher:
    if len(cek) != enc.key_octets:
        raise decryption_failed()
    return enc.prepare(cek)


def _secret(material: Material, octets: int) -> bytes:
    if material.secret is None or len(material.secret) != octets:
        raise InvalidKey(f"The secret must have {octets} octets.")
    return material.secret


def bind_direct(material: Material) -> BoundEncryption:
    """The shared secret is the content key (RFC 7518, 4.5)."""
    secret = material.secret or b""
    prepared: dict[str, ContentCipher] = {}

    def wrap(enc: ContentEncryption, cek: bytes | None) -> Wrapped:
        if cek is not None or len(secret) != enc.key_octets:
            raise ConfigurationError("A direct key has the length of its enc and exactly one recipient.")
        return Wrapped(secret)

    def unwrap(
        enc: ContentEncryption, _header: Mapping[str, object], encrypted_key: bytes, _most: int
    ) -> ContentCipher:
        if encrypted_key:
            raise decryption_failed()  # RFC7516-5.2/empty-key
        if enc.name not in prepared:
            prepared[enc.name] = _prepared(enc, secret)
        return prepared[enc.name]

    return BoundEncryption(wrap, unwrap)


def aes_kw(octets: int) -> Callable[[Material], BoundEncryption]:
    """AES Key Wrap with a key of `octets` (RFC 7518, 4.4)."""
    return lambda material: _bind_wrapping(_secret(material, octets))


def _bind_wrapping(secret: bytes) -> BoundEncryption:
    def wrap(enc: ContentEncryption, cek: bytes | None) -> Wrapped:
        cek = _fresh(enc, cek)
        return Wrapped(cek, aes_key_wrap(secret, cek))

    def unwrap(
        enc: ContentEncryption, _header: Mapping[str, object], encrypted_key: bytes, _most: int
    ) -> ContentCipher:
        return _prepared(enc, unwrapped(secret, encrypted_key))

    return BoundEncryption(wrap, unwrap)


def unwrapped(secret: bytes, encrypted_key: bytes) -> bytes:
    """Returns the content key that `secret` wrapped by AES Key Wrap, or raises DecryptionFailed."""
    try:
        return aes_key_unwrap(secret, encrypted_key)
    except (InvalidUnwrap, ValueError):
        raise decryption_failed() from None


def aes_gcm_kw(octets: int) -> Callable[[Material], BoundEncryption]:
    """AES-GCM as key wrap, its IV and tag in the header (RFC 7518, 4.7)."""

    def bind(material: Material) -> BoundEncryption:
        cipher = AESGCM(_secret(material, octets))

        def wrap(enc: ContentEncryption, cek: bytes | None) -> Wrapped:
            cek, iv = _fresh(enc, cek), random_octets(12)
            sealed = cipher.encrypt(iv, cek, None)
            return Wrapped(cek, sealed[:-16], {"iv": b64url_encode(iv), "tag": b64url_encode(sealed[-16:])})

        def unwrap(
            enc: ContentEncryption, header: Mapping[str, object], encrypted_key: bytes, _most: int
        ) -> ContentCipher:
            iv, tag = header_octets(header, "iv"), header_octets(header, "tag")
            # RFC7518-4.7/lengths
            if len(iv) != 12 or len(tag) != 16:  # noqa: PLR2004 - 96 and 128 bits
                raise decryption_failed()
            try:
                return _prepared(enc, cipher.decrypt(iv, encrypted_key + tag, None))
            except InvalidTag:
                raise decryption_failed() from None

        return BoundEncryption(wrap, unwrap)

    return bind


def pbes2(name: str, algorithm: HashAlgorithm, octets: int) -> Callable[[Material], BoundEncryption]:
    """A password, stretched by PBKDF2, wraps the content key (RFC 7518, 4.8)."""

    def bind(material: Material) -> BoundEncryption:
        password = material.secret or b""

        def stretched(salt: bytes, count: int) -> bytes:
            salted = name.encode("ascii") + b"\x00" + salt
            return PBKDF2HMAC(algorithm, octets, salted, count).derive(password)

        def wrap(enc: ContentEncryption, cek: bytes | None) -> Wrapped:
            cek, salt = _fresh(enc, cek), random_octets(_SALT_OCTETS)  # RFC7518-4.8.1.1/fresh
            encrypted_key = aes_key_wrap(stretched(salt, DEFAULT_PBES2_COUNT), cek)
            return Wrapped(cek, encrypted_key, {"p2s": b64url_encode(salt), "p2c": DEFAULT_PBES2_COUNT})

        def unwrap(
            enc: ContentEncryption, header: Mapping[str, object], encrypted_key: bytes, most: int
        ) -> ContentCipher:
            salt, count = header_octets(header, "p2s"), header.get("p2c")
            # RFC7518-4.8.1.1/salt, RFC7518-4.8.1.2/present
            # Looked at before any work is done: the sender chose this number.
            if type(count) is not int or not MINIMUM_PBES2_COUNT <= count <= most or len(salt) < 8:  # noqa: PLR2004 - 4.8.1.1
                raise MalformedToken("The header's p2c or p2s is outside of the limits.")
            return _prepared(enc, unwrapped(stretched(salt, count), encrypted_key))

        return BoundEncryption(wrap, unwrap)

    return bind


def rsa_oaep(algorithm: HashAlgorithm) -> Callable[[Material], BoundEncryption]:
    """RSAES-OAEP with one hash for both parts (RFC 7518, 4.3)."""
    scheme = padding.OAEP(mgf=padding.MGF1(algorithm), algorithm=algorithm, label=None)

    def bind(material: Material) -> BoundEncryption:
        public = cast("rsa.RSAPublicKey", material.public)

        def wrap(enc: ContentEncryption, cek: bytes | None) -> Wrapped:
            cek = _fresh(enc, cek)
            return Wrapped(cek, public.encrypt(cek, scheme))

        if material.private is None:
            return BoundEncryption(wrap, None)
        decrypt = cast("rsa.RSAPrivateKey", material.private).decrypt

        def unwrap(
            enc: ContentEncryption, _header: Mapping[str, object], encrypted_key: bytes, _most: int
        ) -> ContentCipher:
            try:
                return _prepared(enc, decrypt(encrypted_key, scheme))
            except ValueError:
                raise decryption_failed() from None

        return BoundEncryption(wrap, unwrap)

    return bind


def bind_rsa1_5(material: Material) -> BoundEncryption:
    """RSAES-PKCS1-v1_5, for decryption only (RFC 7518, 4.2; RFC 7516, 11.5)."""
    if material.private is None:
        return BoundEncryption(None, None)
    decrypt = cast("rsa.RSAPrivateKey", material.private).decrypt
    scheme = padding.PKCS1v15()

    def unwrap(
        enc: ContentEncryption, _header: Mapping[str, object], encrypted_key: bytes, _most: int
    ) -> ContentCipher:
        # Drawn before the outcome is known, and used in its place: bad padding ends where a bad tag ends.
        instead = random_octets(enc.key_octets)  # RFC7516-11.5/indistinguishable
        try:
            cek = decrypt(encrypted_key, scheme)
        except ValueError:
            cek = instead
        return enc.prepare(cek if len(cek) == enc.key_octets else instead)

    return BoundEncryption(None, unwrap)


def ecdh_es(name: str, wrapping_octets: int = 0) -> Callable[[Material], BoundEncryption]:
    """ECDH with an ephemeral key: directly, or to wrap the content key with `wrapping_octets` (RFC 7518, 4.6)."""

    def bind(material: Material) -> BoundEncryption:
        def wrap(enc: ContentEncryption, cek: bytes | None) -> Wrapped:
            if not wrapping_octets:
                if cek is not None:
                    raise ConfigurationError("A directly agreed key has exactly one recipient.")
                agreed, epk = agree(material, enc.name, enc.key_octets)
                return Wrapped(agreed, b"", {"epk": epk})
            cek = _fresh(enc, cek)
            agreed, epk = agree(material, name, wrapping_octets)
            return Wrapped(cek, aes_key_wrap(agreed, cek), {"epk": epk})

        if material.private is None:
            return BoundEncryption(wrap, None)
        wrapping = agreement_of(material, name, wrapping_octets)
        direct: dict[str, Callable[[object, bytes, bytes], bytes]] = {}

        def unwrap(
            enc: ContentEncryption, header: Mapping[str, object], encrypted_key: bytes, _most: int
        ) -> ContentCipher:
            apu = header_octets(header, "apu") if "apu" in header else b""
            apv = header_octets(header, "apv") if "apv" in header else b""
            epk = header.get("epk")
            if wrapping_octets:
                return _prepared(enc, unwrapped(wrapping(epk, apu, apv), encrypted_key))
            if encrypted_key:
                raise decryption_failed()
            if enc.name not in direct:
                direct[enc.name] = agreement_of(material, enc.name, enc.key_octets)
            return enc.prepare(direct[enc.name](epk, apu, apv))

        return BoundEncryption(wrap, unwrap)

    return bind
