"""What the peers of the toolkit are asked to do: the same claims, prepared keys, and checks as far as they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from valetkey.jose import Jwk

    Operation = Callable[[], object]
    Claims = Mapping[str, object]


def _members(key: Jwk, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the JWK that signs and the one that verifies, by the name that a peer gives the algorithm."""
    private = key.as_private_dict() | {"alg": name}
    return private, private if key.is_symmetric else key.as_dict() | {"alg": name}


def _name(key: Jwk) -> str:
    # RFC 9864 named the curve; most know the older name only.
    return "EdDSA" if key.algorithm == "Ed25519" else key.algorithm


def pyjwt(key: Jwk, claims: Claims) -> tuple[Operation, Operation]:
    """PyJWT."""
    import jwt as peer  # noqa: PLC0415 - only who measures this peer has it installed

    name = _name(key)
    prepared, public = (peer.PyJWK(members) for members in _members(key, name))
    headers = {"typ": "at+jwt", "kid": key.kid}
    expected: dict[str, Any] = {"algorithms": [name], "audience": claims["aud"], "issuer": claims["iss"]}

    def sign() -> str:
        return peer.encode(dict(claims), prepared, algorithm=name, headers=headers)

    token = sign()
    return sign, lambda: peer.decode(token, public, **expected)


def joserfc(key: Jwk, claims: Claims) -> tuple[Operation, Operation]:
    """Joserfc."""
    from joserfc import jwt as peer  # noqa: PLC0415 - only who measures this peer has it installed
    from joserfc.jwk import import_key  # noqa: PLC0415 - only who measures this peer has it installed

    prepared, public = (import_key(members) for members in _members(key, key.algorithm))
    registry = peer.JWTClaimsRegistry(
        iss={"essential": True, "value": str(claims["iss"])}, aud={"essential": True, "value": str(claims["aud"])}
    )
    header = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}
    algorithms = [key.algorithm]

    def sign() -> str:
        return peer.encode(header, dict(claims), prepared, algorithms=algorithms)

    token = sign()
    return sign, lambda: registry.validate(peer.decode(token, public, algorithms=algorithms).claims)


def jwcrypto(key: Jwk, claims: Claims) -> tuple[Operation, Operation]:
    """Jwcrypto."""
    from jwcrypto import jwk, jwt as peer  # type: ignore[import-untyped]  # noqa: PLC0415, I001 - a peer that need not be installed; it ships no types

    name = _name(key)
    prepared, public = (jwk.JWK(**members) for members in _members(key, name))
    header = {"alg": name, "kid": key.kid, "typ": "at+jwt"}
    expected = {"iss": claims["iss"], "aud": claims["aud"], "exp": None}

    def sign() -> str:
        made = peer.JWT(header=header, claims=dict(claims))
        made.make_signed_token(prepared)
        return str(made.serialize())

    token = sign()
    return sign, lambda: peer.JWT(jwt=token, key=public, algs=[name], check_claims=expected)


def authlib(key: Jwk, claims: Claims) -> tuple[Operation, Operation]:
    """Authlib."""
    from authlib.jose import JsonWebKey, JsonWebToken  # type: ignore[import-untyped]  # noqa: PLC0415 - only who measures this peer has it installed

    name = _name(key)
    peer = JsonWebToken([name])
    prepared, public = (JsonWebKey.import_key(members) for members in _members(key, name))
    header = {"alg": name, "kid": key.kid, "typ": "at+jwt"}
    options = {claim: {"essential": True, "value": claims[claim]} for claim in ("iss", "aud")}

    def sign() -> bytes:
        made: bytes = peer.encode(header, dict(claims), prepared)
        return made

    token = sign()
    return sign, lambda: peer.decode(token, public, claims_options=options).validate()


SIGNERS: dict[str, Callable[[Jwk, Claims], tuple[Operation, Operation]]] = {
    "PyJWT": pyjwt,
    "joserfc": joserfc,
    "jwcrypto": jwcrypto,
    "Authlib": authlib,
}
"""By library: what signs the claims with a key, and what verifies the token that came out."""


def _joserfc_opens(key: Jwk, token: str, algorithm: str) -> Operation:
    from joserfc import jwe as peer  # noqa: PLC0415 - only who measures this peer has it installed
    from joserfc.jwk import import_key  # noqa: PLC0415 - only who measures this peer has it installed

    prepared = import_key(_members(key, algorithm)[0])
    return lambda: peer.decrypt_compact(token, prepared, algorithms=[algorithm, "A256GCM"])


def _jwcrypto_opens(key: Jwk, token: str, algorithm: str) -> Operation:
    from jwcrypto import jwe as peer, jwk  # noqa: PLC0415, I001 - only who measures this peer has it installed

    prepared = jwk.JWK(**_members(key, algorithm)[0])

    def opened() -> bytes:
        found = peer.JWE(algs=[algorithm, "A256GCM"])
        found.deserialize(token, prepared)
        plaintext: bytes = found.payload
        return plaintext

    return opened


def _authlib_opens(key: Jwk, token: str, algorithm: str) -> Operation:
    from authlib.jose import JsonWebEncryption, JsonWebKey  # noqa: PLC0415 - only who measures this peer has it installed

    prepared = JsonWebKey.import_key(_members(key, algorithm)[0])
    peer = JsonWebEncryption([algorithm, "A256GCM"])
    return lambda: peer.deserialize_compact(token, prepared)


OPENERS: dict[str, Callable[[Jwk, str, str], Operation]] = {
    "joserfc": _joserfc_opens,
    "jwcrypto": _jwcrypto_opens,
    "Authlib": _authlib_opens,
}
"""By library: what opens a compact JWE under A256GCM; PyJWT has no encryption."""
