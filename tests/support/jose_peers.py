"""joserfc, jwcrypto, PyJWT and npm jose, each behind the same four questions: sign, verify, encrypt, decrypt."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from joserfc import jwe as joserfc_jwe
from joserfc import jws as joserfc_jws
from joserfc.jwk import KeySet, import_key
from jwcrypto import jwa  # type: ignore[import-untyped]  # it has no types
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws
from jwt.algorithms import get_default_algorithms
from jwt.api_jwk import PyJWK
from jwt.api_jws import PyJWS

from valetkey.jose import Jwk

if TYPE_CHECKING:
    from support.node import NodePeer

# What is stretched here is stretched longer than the default limit of theirs.
jwa.default_max_pbkdf2_iterations = 200_000

SECOND: Final = Jwk.generate("A256KW", kid="second")
"""The other recipient of what is encrypted for two."""


class Form(StrEnum):
    """How a signature or an encryption is written (RFC 7515, 7 and F; RFC 7516, 7; RFC 7797)."""

    COMPACT = "compact"
    FLATTENED = "flattened"
    GENERAL = "general"
    DETACHED = "detached"
    UNENCODED = "unencoded"
    UNENCODED_JSON = "unencoded_json"


SIGNED: Final = tuple(Form)
ENCRYPTED: Final = (Form.COMPACT, Form.FLATTENED, Form.GENERAL)


class Peer(Protocol):
    """Another library, and what it makes of tokens."""

    def sign(self, form: Form, key: Jwk, payload: str) -> Any:
        """Return what it signs."""
        ...

    def verify(self, form: Form, key: Jwk, value: Any, payload: str) -> str:
        """Return the payload that it verified; raises where it refuses."""
        ...

    def encrypt(self, form: Form, key: Jwk, enc: str, plaintext: str) -> Any:
        """Return what it encrypts; in general form also for SECOND, where the algorithm allows two recipients."""
        ...

    def decrypt(self, form: Form, key: Jwk, enc: str, value: Any) -> str:
        """Return the plaintext; raises where it refuses."""
        ...


def public_members(key: Jwk) -> dict[str, Any]:
    """Return what whoever verifies or encrypts is given."""
    return key.as_private_dict() if key.is_symmetric else key.as_dict()


def takes_two(key: Jwk) -> bool:
    """Whether a content key can be sent to the owner of `key` and to another."""
    return key.algorithm not in {"dir", "ECDH-ES"}


def _protected(form: Form, key: Jwk) -> dict[str, Any]:
    extra = {"b64": False, "crit": ["b64"]} if form in {Form.UNENCODED, Form.UNENCODED_JSON} else {}
    return {"alg": key.algorithm, "kid": key.kid, **extra}


class Joserfc:
    """joserfc."""

    signatures = frozenset(joserfc_jws.JWSRegistry.algorithms)
    signed_forms = SIGNED
    management = frozenset(joserfc_jwe.JWERegistry.algorithms["alg"])
    curves = frozenset({"P-256", "P-384", "P-521", "X25519", "X448"})

    def sign(self, form: Form, key: Jwk, payload: str) -> Any:
        """Sign."""
        ours, names = import_key(key.as_private_dict()), [key.algorithm]  # type: ignore[arg-type]
        header: Any = {"protected": _protected(form, key)}
        if form in {Form.FLATTENED, Form.UNENCODED_JSON}:
            return joserfc_jws.serialize_json(header, payload, ours, algorithms=names)
        if form is Form.GENERAL:
            return joserfc_jws.serialize_json([header], payload, ours, algorithms=names)
        made = joserfc_jws.serialize_compact(_protected(form, key), payload, ours, algorithms=names)
        return made if form is Form.COMPACT else _without_payload(made)

    def verify(self, form: Form, key: Jwk, value: Any, payload: str) -> str:
        """Verify."""
        theirs, names = import_key(public_members(key)), [key.algorithm]
        if form in {Form.FLATTENED, Form.GENERAL, Form.UNENCODED_JSON}:
            found: bytes = joserfc_jws.deserialize_json(value, theirs, algorithms=names).payload
            return found.decode()
        apart = None if form is Form.COMPACT else payload
        return joserfc_jws.deserialize_compact(value, theirs, algorithms=names, payload=apart).payload.decode()

    def encrypt(self, form: Form, key: Jwk, enc: str, plaintext: str) -> Any:
        """Encrypt."""
        theirs, names = import_key(public_members(key)), [key.algorithm, "A256KW", enc]
        header = {"alg": key.algorithm, "kid": key.kid}
        if form is Form.COMPACT:
            return joserfc_jwe.encrypt_compact(header | {"enc": enc}, plaintext, theirs, algorithms=names)
        shape = joserfc_jwe.FlattenedJSONEncryption if form is Form.FLATTENED else joserfc_jwe.GeneralJSONEncryption
        made = shape({"enc": enc}, plaintext.encode())
        made.add_recipient(dict(header), theirs)
        if form is Form.GENERAL and takes_two(key):
            made.add_recipient({"alg": "A256KW", "kid": "second"}, import_key(public_members(SECOND)))
        return joserfc_jwe.encrypt_json(made, None, algorithms=names)

    def decrypt(self, form: Form, key: Jwk, enc: str, value: Any) -> str:
        """Decrypt."""
        names = [key.algorithm, "A256KW", enc]
        ours = import_key(key.as_private_dict())  # type: ignore[arg-type]
        if form is Form.COMPACT:
            return (joserfc_jwe.decrypt_compact(value, ours, algorithms=names).plaintext or b"").decode()
        both = KeySet([ours, import_key(SECOND.as_private_dict())])  # type: ignore[arg-type]
        return (joserfc_jwe.decrypt_json(value, both, algorithms=names).plaintext or b"").decode()


class Jwcrypto:
    """jwcrypto."""

    signatures = frozenset(name for name, row in jwa.JWA.algorithms_registry.items() if row.algorithm_use == "sig")
    signed_forms = SIGNED
    management = frozenset(name for name, row in jwa.JWA.algorithms_registry.items() if row.algorithm_use == "kex")
    curves = frozenset({"P-256", "P-384", "P-521", "X25519", "X448"})

    def sign(self, form: Form, key: Jwk, payload: str) -> Any:
        """Sign; in general form with a second signature by the same key, for one alone is written flattened."""
        made = jwcrypto_jws.JWS(payload)
        made.allowed_algs = [key.algorithm]
        for _ in range(2 if form is Form.GENERAL else 1):
            header = json.dumps(_protected(form, key))
            made.add_signature(jwcrypto_jwk.JWK(**key.as_private_dict()), protected=header)
        if form in {Form.DETACHED, Form.UNENCODED}:
            made.detach_payload()
        text = made.serialize(compact=form in {Form.COMPACT, Form.DETACHED, Form.UNENCODED})
        return json.loads(text) if text.startswith("{") else text

    def verify(self, form: Form, key: Jwk, value: Any, payload: str) -> str:
        """Verify."""
        read = jwcrypto_jws.JWS()
        read.allowed_algs = [key.algorithm]
        read.deserialize(json.dumps(value) if isinstance(value, dict) else value)
        apart = payload if form in {Form.DETACHED, Form.UNENCODED} else None
        read.verify(jwcrypto_jwk.JWK(**public_members(key)), detached_payload=apart)
        found = apart if apart is not None else read.payload
        return found if isinstance(found, str) else found.decode()

    def encrypt(self, form: Form, key: Jwk, enc: str, plaintext: str) -> Any:
        """Encrypt."""
        algorithms = [key.algorithm, "A256KW", enc]
        header = {"alg": key.algorithm, "kid": key.kid}
        peer_key = jwcrypto_jwk.JWK(**public_members(key))
        if form is Form.COMPACT:
            made = jwcrypto_jwe.JWE(plaintext.encode(), json.dumps(header | {"enc": enc}), algs=algorithms)
            made.add_recipient(peer_key)
            return made.serialize(compact=True)
        made = jwcrypto_jwe.JWE(
            plaintext.encode(), json.dumps({"enc": enc}), algs=algorithms, flattened=form is Form.FLATTENED
        )
        made.add_recipient(peer_key, json.dumps(header))
        if form is Form.GENERAL and takes_two(key):
            second = json.dumps({"alg": "A256KW", "kid": "second"})
            made.add_recipient(jwcrypto_jwk.JWK(**SECOND.as_private_dict()), second)
        return json.loads(made.serialize())

    def decrypt(self, form: Form, key: Jwk, enc: str, value: Any) -> str:
        """Decrypt."""
        del form
        read = jwcrypto_jwe.JWE(algs=[key.algorithm, "A256KW", enc])
        text = json.dumps(value) if isinstance(value, dict) else value
        read.deserialize(text, jwcrypto_jwk.JWK(**key.as_private_dict()))
        plaintext: bytes = read.payload
        return plaintext.decode()


class Pyjwt:
    """PyJWT, which writes compact signatures, and leaves out a payload only where it is not encoded."""

    signatures = frozenset(get_default_algorithms())
    signed_forms = (Form.COMPACT, Form.UNENCODED)
    management: frozenset[str] = frozenset()
    curves: frozenset[str] = frozenset()

    def sign(self, form: Form, key: Jwk, payload: str) -> Any:
        """Sign."""
        peer_key = PyJWK(key.as_private_dict())
        apart = form is Form.UNENCODED
        return PyJWS().encode(payload.encode(), peer_key, headers={"kid": key.kid}, is_payload_detached=apart)

    def verify(self, form: Form, key: Jwk, value: Any, payload: str) -> str:
        """Verify."""
        apart = payload.encode() if form is Form.UNENCODED else None
        read = PyJWS().decode(value, PyJWK(public_members(key)), algorithms=[key.algorithm], detached_payload=apart)
        return bytes(read).decode()

    def encrypt(self, form: Form, key: Jwk, enc: str, plaintext: str) -> Any:
        """Refuse: it has no encryption."""
        raise NotImplementedError

    def decrypt(self, form: Form, key: Jwk, enc: str, value: Any) -> str:
        """Refuse: it has no encryption."""
        raise NotImplementedError


class NpmJose:
    """npm jose, in a process of its own; what it knows depends on its Node, here 20."""

    signatures = frozenset(
        {
            *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
            *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
        }
    )
    signed_forms = SIGNED
    management = frozenset(
        {
            *("RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512", "A128KW", "A192KW", "A256KW", "dir"),
            *("A128GCMKW", "A192GCMKW", "A256GCMKW", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW"),
            *("ECDH-ES+A256KW", "PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"),
        }
    )
    curves = frozenset({"P-256", "P-384", "P-521", "X25519"})

    def __init__(self, node: NodePeer) -> None:
        self._node = node

    def sign(self, form: Form, key: Jwk, payload: str) -> Any:
        """Sign."""
        given = {"key": key.as_private_dict(), "header": _protected(form, key), "payload": payload}
        made = self._node.call("sign_form", form=form, alg=key.algorithm, **given)
        return _without_payload(made) if form in {Form.DETACHED, Form.UNENCODED} else made

    def verify(self, form: Form, key: Jwk, value: Any, payload: str) -> str:
        """Verify."""
        given = {"key": public_members(key), "alg": key.algorithm, "value": value, "payload": payload}
        return str(self._node.call("verify_form", form=form, **given))

    def encrypt(self, form: Form, key: Jwk, enc: str, plaintext: str) -> Any:
        """Encrypt."""
        given = {"key": _unbound(public_members(key)), "alg": key.algorithm, "enc": enc, "plaintext": plaintext}
        second = _unbound(SECOND.as_private_dict()) if takes_two(key) else None
        return self._node.call("encrypt_form", form=form, second=second, **given)

    def decrypt(self, form: Form, key: Jwk, enc: str, value: Any) -> str:
        """Decrypt."""
        given = {"key": _unbound(key.as_private_dict()), "alg": key.algorithm, "enc": enc, "value": value}
        return str(self._node.call("decrypt_form", form=form, **given))


def _unbound(members: dict[str, Any]) -> dict[str, Any]:
    # npm jose refuses a JWK whose `alg` is `dir`; the algorithm is said beside it.
    return {name: part for name, part in members.items() if name != "alg"}


def _without_payload(token: str) -> str:
    header, _, rest = token.partition(".")
    return f"{header}..{rest.rpartition('.')[2]}"
