"""One key, bound to one algorithm: import, export, thumbprint (RFC 7517, 4; RFC 7638)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from msgspec import structs

from valetkey.jose.algorithms import (
    KEY_MANAGEMENT_ALGORITHMS,
    SIGNATURE_ALGORITHMS,
    KeyManagementAlgorithm,
    SignatureAlgorithm,
    row_for,
)
from valetkey.jose.encoding import b64url_encode, json_octets, parse_json_object
from valetkey.jose.errors import ConfigurationError, InvalidKey, InvalidToken
from valetkey.jose.key_types import KEY_TYPES, material_of
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable  # noqa: TC004 - annotations only

    from valetkey.jose.key_management import BoundEncryption  # noqa: TC004 - annotations only
    from valetkey.jose.key_material import BoundKey, Material, Members  # noqa: TC004 - annotations only

MAXIMUM_KEY_OCTETS: Final = 65_536
_USES: Final = ("sig", "enc")
_PRIVATE_NAMES: Final = frozenset(name for row in KEY_TYPES.values() for name in row.private_members)
# Members that travel with a key and are exported again; those about certificates are read by their own room.
_CARRIED: Final = ("x5u", "x5c", "x5t", "x5t#S256", "exp", "nbf", "iat")


@dataclass(frozen=True, slots=True, eq=False)
class Jwk:
    """A prepared key: parsed once, sound, and good for one algorithm only (RFC 8725, 3.1).

    Never shows private parts: not in `repr`, not in `as_dict`. Two keys are compared by their thumbprints.
    """

    kid: str | None
    algorithm: str
    kty: str
    use: str | None = None
    key_ops: frozenset[str] | None = None
    _material: Material = field(repr=False, kw_only=True)
    _bound: BoundKey | None = field(repr=False, kw_only=True)
    _encryption: BoundEncryption | None = field(repr=False, kw_only=True, default=None)
    _carried: Mapping[str, object] = field(repr=False, kw_only=True)
    _headers: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = field(
        repr=False, kw_only=True, default_factory=dict
    )

    @classmethod
    def parse(cls, value: Mapping[str, object] | str | bytes, *, algorithm: str | None = None) -> Jwk:
        """Returns the key of a JWK, an object or its JSON text; InvalidKey where it is unsound.

        `algorithm` binds a key that names none, and must agree with one that does. Without it a key that names none
        is bound by its curve, where that leaves a single signature algorithm.
        """
        members = _members(value)
        named = members.get("alg", algorithm)
        if not isinstance(named, str) or (algorithm is not None and named != algorithm):
            if named is None:
                named = _only_algorithm(members)
            else:
                raise InvalidKey("The key is for another algorithm.")
        return _build(members, named)

    @classmethod
    def parse_public(cls, value: Mapping[str, object] | str | bytes, *, algorithm: str | None = None) -> Jwk:
        """As `parse`, but InvalidKey where the key carries any private member (RFC 9449, 4.3; RFC 7517, 9.2)."""
        members = _members(value)
        refuse_private(members)
        return cls.parse(members, algorithm=algorithm)

    @classmethod
    def generate(cls, algorithm: str, *, kid: str | None = None, curve: str | None = None) -> Jwk:
        """Returns a new private key for `algorithm`; `kid` is the thumbprint unless given.

        `curve` chooses among those that the algorithm goes with, of which the first is taken otherwise. InvalidKey
        where the algorithm is unknown or does not go with the curve; AlgorithmUnavailable where the installed
        cryptography lacks it.
        """
        for row in _rows(algorithm):
            if curve is None or curve in row.curves:
                chosen = curve or next(iter(row.curves), "")
                material = KEY_TYPES[row.kty].generate(chosen, row.size)
                return _from_material(row, material, kid or _thumbprint(row.kty, material))
        raise InvalidKey("The algorithm is unknown, or does not go with the curve.")

    @classmethod
    def from_secret(cls, secret: bytes, *, algorithm: str, kid: str | None = None) -> Jwk:
        """Returns the symmetric key of `secret`; InvalidKey where it is short or the text of an asymmetric key.

        It has no `kid` unless one is given: a thumbprint is a hash of the secret, by which whoever reads a header
        could try secrets that a person made up (RFC 7638, 7).
        """
        row = row_for(algorithm, "oct")
        if row is None or row.kty != "oct":
            raise InvalidKey("The algorithm is unknown or not symmetric.")
        return _from_material(row, KEY_TYPES["oct"].load({"k": b64url_encode(secret)}), kid)

    @classmethod
    def from_pem(
        cls, pem: str | bytes, *, algorithm: str, kid: str | None = None, password: bytes | None = None
    ) -> Jwk:
        """Returns the key of a PEM text: PKCS #8, PKCS #1, SEC 1, SPKI or a certificate; InvalidKey otherwise.

        `password` opens an encrypted private key; one that is not needed is an error too.
        """
        from valetkey.jose.key_parsing import load_pem  # noqa: PLC0415 - the parsers are dear to import

        return cls.from_key(load_pem(pem, password), algorithm=algorithm, kid=kid)

    @classmethod
    def from_der(cls, der: bytes, *, algorithm: str, kid: str | None = None, password: bytes | None = None) -> Jwk:
        """As `from_pem`, errors too, but of the DER octets that a PEM text wraps."""
        from valetkey.jose.key_parsing import load_der  # noqa: PLC0415 - the parsers are dear to import

        return cls.from_key(load_der(der, password), algorithm=algorithm, kid=kid)

    @classmethod
    def from_key(cls, key: object, *, algorithm: str, kid: str | None = None) -> Jwk:
        """Returns the Jwk of a key object of the cryptography library; InvalidKey where it is unsound."""
        kty, material = material_of(key)
        row = row_for(algorithm, kty)
        if row is None or not row.fits(kty, material.curve):
            raise InvalidKey("The algorithm is unknown, or the key does not go with it.")
        return _from_material(row, material, kid or _thumbprint(kty, material))

    @property
    def is_private(self) -> bool:
        """Whether the key must be kept secret: it is symmetric or holds a private part."""
        return self._material.is_private

    @property
    def is_symmetric(self) -> bool:
        """Whether the key is a shared secret."""
        return self._material.secret is not None

    def public(self) -> Jwk:
        """Returns the key without its private part; InvalidKey for a symmetric key."""
        material = self._material.public_part()
        operations = None
        if self.key_ops is not None:
            operations = frozenset({"verify"} if self._bound is not None else {"encrypt", "wrapKey"})
        signature, encryption = _bound(self.algorithm, self.kty, material, None)
        return replace(
            self,
            key_ops=operations,
            _material=material,
            _bound=signature,
            _encryption=encryption,
            _headers={},
        )

    def thumbprint(self) -> str:
        """Returns the SHA-256 thumbprint, base64url (RFC 7638, 3)."""
        return _thumbprint(self.kty, self._material)

    def thumbprint_uri(self) -> str:
        """Returns the thumbprint as a URN (RFC 9278, 3)."""
        return f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{self.thumbprint()}"

    def as_dict(self) -> dict[str, object]:
        """Returns the JWK with its public members only, whatever the key holds."""
        members: dict[str, object] = {"kty": self.kty}
        if self.kid is not None:
            members["kid"] = self.kid
        if self.use is not None:
            members["use"] = self.use
        if self.key_ops is not None:
            members["key_ops"] = sorted(self.key_ops)
        members["alg"] = self.algorithm
        return {**members, **KEY_TYPES[self.kty].dump_public(self._material), **self._carried}

    def as_private_dict(self) -> dict[str, object]:
        """Returns the JWK with its private members; InvalidKey for a public key. Files: `key_files`."""
        if not self.is_private:
            raise InvalidKey("The key has no private part.")
        return self.as_dict() | KEY_TYPES[self.kty].dump_private(self._material)


def signer_of(key: Jwk) -> Callable[[bytes], bytes]:
    """Returns what signs with `key`; ConfigurationError where the key cannot sign."""
    if key._bound is None or key._bound.sign is None:  # noqa: SLF001 - one room: the key is opened here only
        raise ConfigurationError("The key cannot sign: its private part is unknown, or it is for other uses.")
    return key._bound.sign  # noqa: SLF001 - as above


def verification_of(key: Jwk) -> Callable[[bytes, bytes], None]:
    """Returns what verifies with `key`, as `BoundKey.verify` does; ConfigurationError for a key for other uses."""
    if key._bound is None:  # noqa: SLF001 - as above
        raise ConfigurationError("The key is not for signatures.")
    return key._bound.verify  # noqa: SLF001 - as above


def encryption_of(key: Jwk) -> BoundEncryption:
    """Returns what wraps and unwraps with `key`; ConfigurationError where the key is for signatures."""
    if key._encryption is None:  # noqa: SLF001 - as above
        raise ConfigurationError("The key is not for encryption.")
    return key._encryption  # noqa: SLF001 - as above


def refuse_private(members: Members) -> None:
    """Returns, or raises InvalidKey where a key that is meant to be public holds a private member."""
    if not _PRIVATE_NAMES.isdisjoint(members):
        # RFC7517-9.2/private, RFC8037-2/public-only, RFC9964-3/public-only
        raise InvalidKey("A public key is expected, and this one holds a private member.")


def _members(value: Mapping[str, object] | str | bytes) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, (str, bytes)):
        raise InvalidKey("A JWK is an object or its JSON text.")
    if len(value) > MAXIMUM_KEY_OCTETS:
        raise InvalidKey("The key is too large.")
    try:
        return parse_json_object(value.encode() if isinstance(value, str) else value)
    except (InvalidToken, UnicodeError):
        # RFC7517-4/unique-members
        raise InvalidKey("The text is not a JSON object with distinct members.") from None


def _rows(name: str) -> list[SignatureAlgorithm | KeyManagementAlgorithm]:
    found: list[SignatureAlgorithm | KeyManagementAlgorithm] = []
    found += [row for row in SIGNATURE_ALGORITHMS.values() if row.name == name]
    return found + [row for row in KEY_MANAGEMENT_ALGORITHMS.values() if row.name == name]


def _only_algorithm(members: Members) -> str:
    if members.get("use") == "enc":
        raise InvalidKey("The key names no algorithm.")
    fitting = [
        row.name for row in SIGNATURE_ALGORITHMS.values() if row.fits(members.get("kty"), members.get("crv"))
    ]
    if len(fitting) != 1:
        raise InvalidKey("The key names no algorithm, and more than one or none goes with it.")
    return fitting[0]


def _build(members: Members, algorithm: str) -> Jwk:
    kty, kid, use = members.get("kty"), members.get("kid"), members.get("use")
    key_type = KEY_TYPES.get(kty) if isinstance(kty, str) else None
    if key_type is None:
        raise InvalidKey("The key's type is unknown.")  # RFC7517-4.1/kty
    if not (kid is None or isinstance(kid, str)) or not (use is None or use in _USES):
        raise InvalidKey("The key's kid or use is not what it may be.")
    row = row_for(algorithm, kty)
    if row is None or not row.fits(kty, members.get("alg") if kty == "AKP" else members.get("crv")):
        raise InvalidKey("The key's algorithm is unknown, or the key does not go with it.")
    operations = _operations(members)
    own_use, own_operations = _PURPOSES[type(row)]
    if use not in {None, own_use} or (operations is not None and operations.isdisjoint(own_operations)):
        raise InvalidKey("The key is for another use than its algorithm's.")
    if use is not None and operations is not None and operations & (_OPERATIONS - own_operations):
        raise InvalidKey("The key's use and key_ops contradict each other.")  # RFC7517-4.3/consistent
    material = key_type.load(members)
    signature, encryption = _bound(algorithm, key_type.kty, material, operations)
    return Jwk(
        kid=kid,
        algorithm=algorithm,
        kty=key_type.kty,
        use=None if use is None else str(use),
        key_ops=operations,
        _material=material,
        _bound=signature,
        _encryption=encryption,
        _carried={name: members[name] for name in _CARRIED if name in members},
    )


_PURPOSES: Final[Mapping[type, tuple[str, frozenset[str]]]] = {
    SignatureAlgorithm: ("sig", frozenset({"sign", "verify"})),
    KeyManagementAlgorithm: (
        "enc",
        frozenset({"encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"}),
    ),
}


_OPERATIONS: Final = frozenset().union(*(operations for _, operations in _PURPOSES.values()))


def _operations(members: Members) -> frozenset[str] | None:
    if "key_ops" not in members:
        return None
    value = members["key_ops"]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InvalidKey("The member 'key_ops' is not a list of names.")
    if len(set(value)) != len(value):
        raise InvalidKey("The member 'key_ops' names an operation twice.")  # RFC7517-4.3/unique-operations
    return frozenset(value)


def _bound(
    algorithm: str, kty: str, material: Material, operations: frozenset[str] | None
) -> tuple[BoundKey | None, BoundEncryption | None]:
    row = row_for(algorithm, kty)
    if isinstance(row, SignatureAlgorithm):
        bound = row.bind(material)
        if operations is not None and "sign" not in operations:
            bound = structs.replace(bound, sign=None)
        if operations is not None and "verify" not in operations:
            bound = structs.replace(bound, verify=_refuse_to_verify)
        return bound, None
    if row is None:
        raise InvalidKey("The key's algorithm is unknown.")
    return None, row.bind(material)


def _refuse_to_verify(_signature: bytes, _signed: bytes) -> None:
    raise InvalidKey("The key's key_ops do not allow to verify.")


def _from_material(row: SignatureAlgorithm | KeyManagementAlgorithm, material: Material, kid: str | None) -> Jwk:
    signature, encryption = _bound(row.name, row.kty, material, None)
    return Jwk(
        kid=kid,
        algorithm=row.name,
        kty=row.kty,
        use=_PURPOSES[type(row)][0],
        _material=material,
        _bound=signature,
        _encryption=encryption,
        _carried={},
    )


def _thumbprint(kty: str, material: Material) -> str:
    row = KEY_TYPES[kty]
    members = {"kty": kty} | (row.dump_public(material) if material.secret is None else row.dump_private(material))
    hashed = {name: members[name] for name in sorted((*row.thumbprint_members, "kty"))}  # RFC7638-3/thumbprint
    return b64url_encode(sha256(json_octets(hashed)).digest())
