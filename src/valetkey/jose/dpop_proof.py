"""The JWT that proves possession of the key in its own header (RFC 9449, 4.2 and 4.3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from valetkey.jose.algorithms import SIGNATURE_ALGORITHMS, allowed_signatures
from valetkey.jose.clock import Clock, system_clock
from valetkey.jose.encoding import decode_segment, numeric_date, parse_json_object
from valetkey.jose.errors import (
    AlgorithmNotAllowed,
    AlgorithmUnavailable,
    ClaimInvalid,
    ClaimMissing,
    ConfigurationError,
    InvalidKey,
    MalformedToken,
    TokenNotYetValid,
    TypMismatch,
)
from valetkey.jose.jwk import Jwk
from valetkey.jose.jws import JwsLimits, parse_compact, verify_with
from valetkey.jose.jwt import VerifiedJwt
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import DPOP_PROOF

if TYPE_CHECKING:
    from valetkey.jose.jws import ProtectedHeader

MAXIMUM_PROOF_OCTETS = 8_192
_LIMITS = JwsLimits(token_octets=MAXIMUM_PROOF_OCTETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DpopProofVerifier:
    """What a server believes of a DPoP proof by itself: signature, key, typ, age; no `none`, nothing symmetric.

    That method, URI, nonce, access token and key are the expected ones, and that the `jti` is new, are for whoever
    knows the request. A proof is good for `max_age` seconds after its `iat`, and `leeway` seconds before it.
    """

    algorithms: Collection[str]
    max_age: int = 60
    leeway: int = 10
    clock: Clock = system_clock
    _allowed: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        allowed = allowed_signatures(self.algorithms)
        if any(SIGNATURE_ALGORITHMS[name].is_symmetric for name in allowed):
            raise ConfigurationError("A DPoP proof is never signed with a shared secret.")
        object.__setattr__(self, "_allowed", allowed)

    def verify(self, token: str, *, now: int | None = None) -> VerifiedJwt:
        """Returns the proof; its `key` is the public key of the header, whose thumbprint is the `jkt`.

        InvalidToken where it is none; `now` is in seconds since the epoch.
        """
        parts = parse_compact(token, _LIMITS)
        header = parts.header
        if header.is_critical:
            raise MalformedToken("A DPoP proof has no critical extensions that are understood.")
        if header.algorithm not in self._allowed:
            raise AlgorithmNotAllowed("The header's algorithm is not allowed.")
        if header.typ not in DPOP_PROOF.accepted:
            raise TypMismatch("The token's typ is not that of a DPoP proof.")
        key = _key_of(header)
        signature = decode_segment(parts.signature_segment)
        claims = parse_json_object(decode_segment(parts.payload_segment))
        verify_with((key,), signature, parts.signed)
        self._judge(claims, self.clock() if now is None else now)
        return VerifiedJwt(claims, header.members, key)

    def _judge(self, claims: Mapping[str, object], now: int) -> None:
        for name in sorted(DPOP_PROOF.required - claims.keys()):
            raise ClaimMissing(f"The claim {name!r} is missing.", name)
        DPOP_PROOF.rule(claims)
        issued_at = numeric_date(claims["iat"])
        if issued_at is None or now - issued_at > self.max_age:
            raise ClaimInvalid("The proof was made too long ago.", "iat")
        if issued_at > now + self.leeway:
            raise TokenNotYetValid("The time in 'iat' lies in the future.")


def _key_of(header: ProtectedHeader) -> Jwk:
    members = header.members.get("jwk")
    if not isinstance(members, Mapping):
        raise MalformedToken("A DPoP proof carries its public key.")
    try:
        return Jwk.parse_public(members, algorithm=header.algorithm)
    except (InvalidKey, AlgorithmUnavailable):
        raise MalformedToken("The key of the DPoP proof is not a sound public key for its algorithm.") from None
