"""What a key is inside: members of a JWK on one side, prepared keys of the cryptography library on the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from valetkey.jose.encoding import b64url_decode, b64url_encode
from valetkey.jose.errors import InvalidKey, MalformedToken

Members: TypeAlias = Mapping[str, object]


class Material(msgspec.Struct, frozen=True, eq=False):
    """A key that the cryptography library has prepared: `private` is None where only the public part is known.

    For a symmetric key `secret` holds the octets and both parts are None. `curve` is the JWK's `crv`, or for AKP
    its `alg`.
    """

    private: object = None
    public: object = None
    secret: bytes | None = None
    curve: str | None = None

    def __repr__(self) -> str:
        return "<Material>"

    @property
    def is_private(self) -> bool:
        """Whether the key must be kept secret."""
        return self.private is not None or self.secret is not None

    def public_part(self) -> Material:
        """Returns the key without its private part; InvalidKey for a symmetric key, which has no public one."""
        if self.secret is not None:
            raise InvalidKey("A symmetric key has no public part.")
        return Material(public=self.public, curve=self.curve)


class KeyType(msgspec.Struct, frozen=True):
    """A row per `kty`: which members make the key, and how they become a prepared key and members again."""

    kty: str
    thumbprint_members: tuple[str, ...]
    private_members: tuple[str, ...]
    load: Callable[[Members], Material]
    dump_public: Callable[[Material], dict[str, object]]
    dump_private: Callable[[Material], dict[str, object]]
    generate: Callable[[str, int], Material]


class BoundKey(msgspec.Struct, frozen=True, eq=False):
    """A key bound to its one signature algorithm: `sign` is None where the private part is not known.

    `verify(signature, signed)` raises SignatureInvalid, and returns nothing that a caller could forget to look at.
    """

    sign: Callable[[bytes], bytes] | None
    verify: Callable[[bytes, bytes], None]


def octets_member(members: Members, name: str) -> bytes:
    """Returns the octets of a base64url member, or InvalidKey where it is absent or not canonical."""
    value = members.get(name)
    if not isinstance(value, str):
        raise InvalidKey(f"The key's member {name!r} is absent or not a string.")
    try:
        return b64url_decode(value)
    except MalformedToken:
        raise InvalidKey(f"The key's member {name!r} is not canonical base64url.") from None


def integer_member(members: Members, name: str, maximum_octets: int) -> int:
    """Returns the positive number of a Base64urlUInt member in its shortest form, or InvalidKey (RFC 7518, 2)."""
    octets = octets_member(members, name)
    if not octets or octets[0] == 0 or len(octets) > maximum_octets:
        # RFC7518-2/minimal
        raise InvalidKey(f"The key's member {name!r} is not a minimal base64url integer.")
    return int.from_bytes(octets, "big")


def integer_text(value: int) -> str:
    """Returns `value` as Base64urlUInt (RFC 7518, 2)."""
    return b64url_encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))
