"""A set of keys, and which of them a header means (RFC 7517, 5; RFC 7515, 4.1.4 and 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.jose.algorithms import (
    KEY_MANAGEMENT_ALGORITHMS,
    SIGNATURE_ALGORITHMS,
    KeyManagementAlgorithm,
    SignatureAlgorithm,
    row_for,
)
from valetkey.jose.encoding import parse_json_object
from valetkey.jose.errors import (
    AlgorithmNotAllowed,
    AlgorithmUnavailable,
    InvalidKey,
    InvalidToken,
    UnknownKey,
)
from valetkey.jose.jwk import Jwk, refuse_private
from valetkey.jose.key_types import KEY_TYPES
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection

MAXIMUM_SET_OCTETS: Final = 262_144
MAXIMUM_KEYS: Final = 100
MAXIMUM_TRIES: Final = 8


class SkippedKey(msgspec.Struct, frozen=True):
    """A key of a set that was left out: its place, its `kid` where it has one, and why."""

    position: int
    kid: str | None
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class UnboundJwk:
    """A sound key that names no algorithm: it is bound to the only one of a verifier's list that fits it."""

    kid: str | None
    kty: str
    curve: str | None
    use: str | None
    _members: Mapping[str, object] = field(repr=False)
    _bound: dict[str, Jwk] = field(repr=False, default_factory=dict)

    def fits(self, algorithm: str) -> bool:
        """Tells whether the key may be used with the algorithm of that name."""
        row = row_for(algorithm, self.kty)
        use = "sig" if isinstance(row, SignatureAlgorithm) else "enc"
        return row is not None and row.fits(self.kty, self.curve) and self.use in {None, use}

    def bind(self, algorithm: str) -> Jwk:
        """Returns the key bound to `algorithm`, prepared once; InvalidKey where it does not fit."""
        if algorithm not in self._bound:
            self._bound[algorithm] = Jwk.parse(self._members, algorithm=algorithm)
        return self._bound[algorithm]


@dataclass(frozen=True, slots=True, eq=False)
class JwkSet:
    """Keys by `kid`. Symmetric and asymmetric keys never share a set, nor two keys of one type a `kid`."""

    keys: tuple[Jwk, ...]
    unbound: tuple[UnboundJwk, ...] = ()
    skipped: tuple[SkippedKey, ...] = ()
    _chosen: dict[tuple[str | None, str], tuple[Jwk, ...]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        everything: tuple[Jwk | UnboundJwk, ...] = (*self.keys, *self.unbound)
        _refuse_ambiguity([{"kty": key.kty, "kid": key.kid} for key in everything])
        chosen: dict[tuple[str | None, str], list[Jwk]] = {}
        for key in self.keys:
            for kid in {key.kid, None}:
                chosen.setdefault((kid, key.algorithm), []).append(key)
        self._chosen.update({asked: tuple(found) for asked, found in chosen.items()})

    @classmethod
    def parse(cls, value: Mapping[str, object] | str | bytes) -> JwkSet:
        """Returns the keys of a JWK Set. A bad key is left out and named in `skipped`; a bad set is InvalidKey."""
        keys: list[Jwk] = []
        unbound: list[UnboundJwk] = []
        skipped: list[SkippedKey] = []
        members = _key_list(value)
        _refuse_ambiguity(members)
        for position, member in enumerate(members):
            try:
                if not isinstance(member, Mapping):
                    raise InvalidKey("A key is a JSON object.")  # noqa: TRY301 - reported like any other bad key
                key = _parse_key(member)
            except (InvalidKey, AlgorithmUnavailable) as error:
                kid = member.get("kid") if isinstance(member, Mapping) else None
                skipped.append(SkippedKey(position, kid if isinstance(kid, str) else None, str(error)))
                continue
            if isinstance(key, Jwk):
                keys.append(key)
            else:
                unbound.append(key)
        return cls(tuple(keys), tuple(unbound), tuple(skipped))

    @classmethod
    def parse_public(cls, value: Mapping[str, object] | str | bytes) -> JwkSet:
        """As `parse`, but InvalidKey where any key carries a private member (RFC 7517, 9.2)."""
        members = {"keys": _key_list(value)}
        for member in members["keys"]:
            if isinstance(member, Mapping):
                refuse_private(member)
        return cls.parse(members)

    def as_dict(self) -> dict[str, object]:
        """Returns the JWK Set with public members only; symmetric keys have none and are left out."""
        published = [key.as_dict() for key in self.keys if not key.is_symmetric]
        for key in self.unbound:
            private = KEY_TYPES[key.kty].private_members
            if key.kty != "oct":
                published.append({name: part for name, part in key._members.items() if name not in private})  # noqa: SLF001 - one file
        return {"keys": published}

    def candidates(self, kid: str | None, algorithm: str, allowed: Collection[str]) -> tuple[Jwk, ...]:
        """Returns the keys that a header with this `kid` and `alg` may mean, at most eight.

        UnknownKey where none has the kid, or too many fit a header without one; AlgorithmNotAllowed where the key
        with that kid is for another algorithm, or names none while several of `allowed` fit it.
        """
        found = self._chosen.get((kid, algorithm))
        if found is None or self.unbound:
            found = self._with_unbound(found or (), kid, algorithm, allowed)
        if len(found) > MAXIMUM_TRIES:
            raise UnknownKey("The header names no key, and too many fit.")
        return found

    def bound_to(self, kid: str | None, algorithm: str) -> tuple[Jwk, ...]:
        """Returns the keys that name `algorithm` themselves, at most eight, perhaps none."""
        return self._chosen.get((kid, algorithm), ())[:MAXIMUM_TRIES]

    def recipient(self, algorithm: str) -> Jwk:
        """Returns the key to encrypt to with `algorithm`; UnknownKey where none is for it.

        The first that says it is for encryption, else the first that may be.
        """
        found = self._chosen.get((None, algorithm), ())
        found += tuple(key.bind(algorithm) for key in self.unbound if key.fits(algorithm))
        if not found:
            raise UnknownKey("No key of the set is for this algorithm.")
        return min(found, key=lambda key: key.use != "enc")

    def _with_unbound(
        self, found: tuple[Jwk, ...], kid: str | None, algorithm: str, allowed: Collection[str]
    ) -> tuple[Jwk, ...]:
        is_known = False
        for key in self.unbound:
            if kid is not None and key.kid != kid:
                continue
            is_known = True
            if not key.fits(algorithm):
                continue
            # Two names of one computation (EdDSA, Ed25519) are one algorithm.
            rows = [row_for(name, key.kty) for name in allowed if key.fits(name)]
            if len({row.bind for row in rows if row is not None}) > 1:
                raise AlgorithmNotAllowed("The key names no algorithm, and several of the allowed ones fit it.")
            found = (*found, key.bind(algorithm))
        if not found:
            if is_known or any(key.kid == kid or kid is None for key in self.keys):
                # RFC8725-3.1/one-algorithm, RFC9864-7/one-algorithm
                raise AlgorithmNotAllowed("The key is for another algorithm than the header's.")
            raise UnknownKey("No key of the set has the header's kid.")
        return found


def _key_list(value: Mapping[str, object] | str | bytes) -> list[object]:
    if isinstance(value, (str, bytes)):
        octets = value.encode("utf-8", "replace") if isinstance(value, str) else value
        if len(octets) > MAXIMUM_SET_OCTETS:
            raise InvalidKey("The key set is too large.")
        try:
            value = parse_json_object(octets)
        except InvalidToken:
            # RFC7517-5/unique-members
            raise InvalidKey("The text is not a JSON object with distinct members.") from None
    members = value.get("keys")
    if not isinstance(members, (list, tuple)) or len(members) > MAXIMUM_KEYS:
        # RFC7517-5/keys
        raise InvalidKey(f"A key set has a member 'keys', a list of at most {MAXIMUM_KEYS} keys.")
    return list(members)


def _refuse_ambiguity(members: Collection[object]) -> None:
    """Returns, or raises InvalidKey; keys that will be left out count, since their sender meant them too."""
    named = [(one.get("kid"), one.get("kty")) for one in members if isinstance(one, Mapping)]
    if len({kty == "oct" for _, kty in named}) > 1:
        raise InvalidKey("Symmetric and asymmetric keys cannot share a set.")
    texts = [(kid, kty) for kid, kty in named if isinstance(kid, str) and isinstance(kty, str)]
    if len(set(texts)) != len(texts):
        raise InvalidKey("Two keys of one type have the same kid.")


def _parse_key(members: Mapping[str, object]) -> Jwk | UnboundJwk:
    if "alg" in members:
        return Jwk.parse(members)
    kid, kty, curve, use = (members.get(name) for name in ("kid", "kty", "crv", "use"))
    rows: list[SignatureAlgorithm | KeyManagementAlgorithm] = [
        *SIGNATURE_ALGORITHMS.values(),
        *KEY_MANAGEMENT_ALGORITHMS.values(),
    ]
    texts = [value if isinstance(value, str) else None for value in (kid, curve, use)]
    key = UnboundJwk(texts[0], str(kty), texts[1], texts[2], dict(members))
    fitting = [row.name for row in rows if key.fits(row.name)]
    if not fitting:
        raise InvalidKey("No algorithm goes with the key.")
    # Judged now, so that a broken key is reported now, not when a token names it; a secret's length fits some only.
    failure: InvalidKey | None = None
    for name in fitting:
        try:
            key.bind(name)
        except InvalidKey as error:
            failure = error
        else:
            return key
    raise failure or InvalidKey("No algorithm goes with the key.")
