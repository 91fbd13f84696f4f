"""JSON Web Encryption, JSON serializations: one or several recipients of one ciphertext (RFC 7516, 7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.jose.encoding import b64url_decode, b64url_encode, json_octets, parse_json_object
from valetkey.jose.entropy import random_octets
from valetkey.jose.errors import ConfigurationError, InvalidToken, MalformedToken, TokenTooLarge
from valetkey.jose.jwe import (
    DEFAULT_LIMITS,
    OWN_PARAMETERS,
    Compression,
    DecryptedJwe,
    Decrypter,
    JweLimits,
    SealedContent,
    content_encryption,
    deflated,
    recipient_header,
    wrapped_for,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.jose.content_encryption import ContentEncryption
    from valetkey.jose.jwk import Jwk

_PARAMETERS: Final = ("iv", "ciphertext", "tag", "aad", "protected", "encrypted_key")


class JweContent(msgspec.Struct, frozen=True, kw_only=True):
    """What is encrypted, once for all recipients: `protected` and `unprotected` add header parameters."""

    plaintext: bytes
    encryption: str
    protected: Mapping[str, object] = {}
    unprotected: Mapping[str, object] = {}
    aad: bytes | None = None
    compression: Compression = Compression.NONE


def encrypt_flattened(content: JweContent, key: Jwk) -> dict[str, object]:
    """Returns the flattened JSON serialization for the owner of `key` (RFC 7516, 7.2.2).

    ConfigurationError where a header parameter stands twice or is one that the key gives, or nobody can encrypt to
    the key.
    """
    enc = content_encryption(content.encryption)
    wrapped = wrapped_for(key, enc, None)
    made = _sealed(content, enc, wrapped.cek, recipient_header(key, wrapped))
    if wrapped.encrypted_key:
        made["encrypted_key"] = b64url_encode(wrapped.encrypted_key)
    return made


def encrypt_general(content: JweContent, keys: Sequence[Jwk]) -> dict[str, object]:
    """Returns the general JSON serialization, which each of `keys` opens on its own (RFC 7516, 7.2.1).

    ConfigurationError as from `encrypt_flattened`, for other than 1 to 16 keys, and where one of several is for
    direct encryption or direct agreement.
    """
    if not 0 < len(keys) <= DEFAULT_LIMITS.recipients:
        raise ConfigurationError(f"A JWE has 1 to {DEFAULT_LIMITS.recipients} recipients.")
    enc = content_encryption(content.encryption)
    cek = random_octets(enc.key_octets) if len(keys) > 1 else None
    recipients: list[dict[str, object]] = []
    for key in keys:
        wrapped = wrapped_for(key, enc, cek)
        cek = wrapped.cek
        recipient: dict[str, object] = {"header": recipient_header(key, wrapped)}
        if wrapped.encrypted_key:
            recipient["encrypted_key"] = b64url_encode(wrapped.encrypted_key)
        recipients.append(recipient)
    return {"recipients": recipients} | _sealed(content, enc, cek or b"", {})


def _sealed(
    content: JweContent, enc: ContentEncryption, cek: bytes, own: Mapping[str, object]
) -> dict[str, object]:
    members: dict[str, object] = {**own, "enc": enc.name}
    for given in (content.protected, content.unprotected):
        if not OWN_PARAMETERS.isdisjoint(given):
            raise ConfigurationError("The header names a parameter that the key or the encryption gives.")
    if not content.protected.keys().isdisjoint(content.unprotected):
        raise ConfigurationError("A header parameter stands once.")
    members |= content.protected
    plaintext = content.plaintext
    if content.compression is Compression.DEFLATE:
        members["zip"] = content.compression.value
        plaintext = deflated(plaintext)
    made: dict[str, object] = {"protected": b64url_encode(json_octets(members))}
    if content.unprotected:
        json_octets(content.unprotected)
        made["unprotected"] = dict(content.unprotected)
    if content.aad is not None:
        made["aad"] = b64url_encode(content.aad)
    iv = random_octets(enc.iv_octets)
    ciphertext, tag = enc.prepare(cek).seal(iv, plaintext, _covered(made))
    parts = {"iv": iv, "ciphertext": ciphertext, "tag": tag}
    return made | {name: b64url_encode(part) for name, part in parts.items()}


def _covered(members: Mapping[str, object]) -> bytes:
    text = str(members.get("protected", ""))
    if "aad" in members:
        text += f".{members['aad']}"
    return text.encode("ascii")


def decrypt_json(value: Mapping[str, object] | str | bytes, decrypter: Decrypter) -> DecryptedJwe:
    """Returns the plaintext of a JWE in flattened or general JSON serialization (RFC 7516, 5.2).

    The recipients are tried in their order; where none can be opened, the failure of the last is raised.
    """
    limits = decrypter.limits
    members = _members(value, limits)
    if not all(isinstance(members.get(name, ""), str) for name in _PARAMETERS):
        raise MalformedToken("A member of the JWE is not a string.")
    protected_segment = str(members.get("protected", ""))
    if len(protected_segment) > limits.header_octets:
        raise TokenTooLarge("The header is larger than the limit.")
    protected = parse_json_object(b64url_decode(protected_segment), limits.depth) if protected_segment else {}
    b64url_decode(str(members.get("aad", "")))
    iv, ciphertext, tag = (b64url_decode(str(members.get(name, ""))) for name in ("iv", "ciphertext", "tag"))
    sealed = SealedContent(_covered(members), iv, ciphertext, tag)
    failure: InvalidToken | None = None
    for recipient in _recipients(members, limits.recipients):
        try:
            header, unprotected = _header(protected, members.get("unprotected", {}), recipient.get("header", {}))
            encrypted_key = b64url_decode(_text(recipient.get("encrypted_key", "")))
            return decrypter.unseal(header, unprotected, encrypted_key, sealed)
        except InvalidToken as error:
            failure = error
    raise failure or MalformedToken("A JWE has a recipient.")


def _members(value: Mapping[str, object] | str | bytes, limits: JweLimits) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        if len(str(value.get("ciphertext", ""))) > limits.token_octets:
            raise TokenTooLarge("The token is larger than the limit.")
        return value
    if len(value) > limits.token_octets:
        raise TokenTooLarge("The token is larger than the limit.")
    try:
        return parse_json_object(value.encode("utf-8") if isinstance(value, str) else value, limits.depth)
    except UnicodeEncodeError:
        raise MalformedToken("The text is not UTF-8.") from None


def _recipients(members: Mapping[str, object], most: int) -> list[Mapping[str, object]]:
    if "recipients" not in members:
        return [members]
    listed = members["recipients"]
    if not isinstance(listed, list) or not 0 < len(listed) <= most:
        raise MalformedToken(f"A JWE has 1 to {most} recipients.")
    if "header" in members or "encrypted_key" in members:
        raise MalformedToken("A JWE is either flattened or general.")
    if not all(isinstance(recipient, Mapping) for recipient in listed):
        raise MalformedToken("A recipient is a JSON object.")
    return listed


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedToken("A member of the JWE is not a string.")
    return value


def _header(
    protected: Mapping[str, object], shared: object, own: object
) -> tuple[dict[str, object], frozenset[str]]:
    if not isinstance(shared, Mapping) or not isinstance(own, Mapping):
        raise MalformedToken("A header is a JSON object.")
    whole = {**protected, **shared, **own}
    if len(whole) != len(protected) + len(shared) + len(own):
        raise MalformedToken("A header parameter stands in two headers.")  # RFC7516-7.2.1/disjoint
    return whole, frozenset(shared) | frozenset(own)
