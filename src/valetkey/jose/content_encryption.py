"""Content encryption: a key becomes one `seal` and one `unseal` (RFC 7518, 5)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from valetkey.jose.errors import DecryptionFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

_FAILED: Final = "The token cannot be decrypted."
TAG_OCTETS: Final = 16

Seal: TypeAlias = "Callable[[bytes, bytes, bytes], tuple[bytes, bytes]]"
Unseal: TypeAlias = "Callable[[bytes, bytes, bytes, bytes], bytes]"


class ContentCipher(msgspec.Struct, frozen=True, eq=False):
    """A prepared content key: `seal(iv, plaintext, aad)` gives (ciphertext, tag), `unseal` takes them back.

    `unseal(iv, ciphertext, tag, aad)` raises DecryptionFailed, with one message for every cause.
    """

    seal: Seal
    unseal: Unseal


def decryption_failed() -> DecryptionFailed:
    """Returns the one error of a decryption that did not work: which step it was is nobody's business."""
    return DecryptionFailed(_FAILED)


def aes_gcm(key: bytes) -> ContentCipher:
    """AES-GCM with a 96-bit IV and a 128-bit tag (RFC 7518, 5.3)."""
    cipher = AESGCM(key)
    encrypt, decrypt = cipher.encrypt, cipher.decrypt

    def seal(iv: bytes, plaintext: bytes, aad: bytes) -> tuple[bytes, bytes]:
        sealed = encrypt(iv, plaintext, aad)
        return sealed[:-TAG_OCTETS], sealed[-TAG_OCTETS:]

    def unseal(iv: bytes, ciphertext: bytes, tag: bytes, aad: bytes) -> bytes:
        # RFC7518-5.3/lengths
        # The library takes other lengths too: a short tag would make forging cheap.
        if len(iv) != 12 or len(tag) != TAG_OCTETS:  # noqa: PLR2004 - 96 bits
            raise decryption_failed()
        try:
            return decrypt(iv, ciphertext + tag, aad)
        except InvalidTag:
            raise decryption_failed() from None  # RFC7516-5.2/tag

    return ContentCipher(seal, unseal)


def aes_cbc_hmac(hash_name: str) -> Callable[[bytes], ContentCipher]:
    """AES-CBC with HMAC, encrypt then MAC (RFC 7518, 5.2); the first half of the key is the MAC's."""

    def prepare(key: bytes) -> ContentCipher:
        half = len(key) // 2
        mac_key, cipher_key = key[:half], key[half:]

        def tag_of(iv: bytes, ciphertext: bytes, aad: bytes) -> bytes:
            covered = aad + iv + ciphertext + (len(aad) * 8).to_bytes(8, "big")
            return hmac.digest(mac_key, covered, hash_name)[:half]

        def seal(iv: bytes, plaintext: bytes, aad: bytes) -> tuple[bytes, bytes]:
            padder = PKCS7(128).padder()
            padded = padder.update(plaintext) + padder.finalize()
            encryptor = Cipher(algorithms.AES(cipher_key), modes.CBC(iv)).encryptor()
            ciphertext = encryptor.update(padded) + encryptor.finalize()
            return ciphertext, tag_of(iv, ciphertext, aad)

        def unseal(iv: bytes, ciphertext: bytes, tag: bytes, aad: bytes) -> bytes:
            if len(iv) != 16 or not hmac.compare_digest(tag_of(iv, ciphertext, aad), tag):  # noqa: PLR2004 - a block
                raise decryption_failed()
            decryptor = Cipher(algorithms.AES(cipher_key), modes.CBC(iv)).decryptor()
            unpadder = PKCS7(128).unpadder()
            try:
                padded = decryptor.update(ciphertext) + decryptor.finalize()
                return unpadder.update(padded) + unpadder.finalize()
            except ValueError:
                raise decryption_failed() from None

        return ContentCipher(seal, unseal)

    return prepare


class ContentEncryption(msgspec.Struct, frozen=True):
    """A row per JWE `enc`: the lengths of its key and IV in octets, and how a key is prepared."""

    name: str
    key_octets: int
    iv_octets: int
    prepare: Callable[[bytes], ContentCipher]
