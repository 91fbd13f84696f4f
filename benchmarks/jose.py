"""The toolkit beside PyJWT, joserfc, jwcrypto, Authlib and the bare primitives, interleaved in one process.

`python benchmarks/jose.py` prints, for each operation and library, the median of the rounds in CPU microseconds,
the ratio to the bare primitive and to ours, and the spread; `--json FILE` writes the same figures for the docs;
`--smoke` runs each once. Every library gets prepared keys, the same claims, and verifies signature, issuer,
audience and expiry; ours also refuses duplicate members, wrong `typ` and non-canonical base64url, which the others
do not.
"""

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hmac import HMAC
from machine import conditions, load_average

from valetkey.jose import Decrypter, Jwk, JwkSet, Verifier, jwe, jwt
from valetkey.jose.encoding import b64url_decode

warnings.simplefilter("ignore")

Operation = Callable[[], object]
NOW = int(time.time())
CLAIMS: dict[str, object] = {
    "iss": "https://as.example.com",
    "sub": "user-1234567890",
    "aud": "https://api.example.com",
    "exp": NOW + 3_600,
    "iat": NOW,
    "jti": "q2ZsVbYQhXw9u3Zp",
    "client_id": "web",
    "scope": "openid profile read write",
}
SIGNATURES = ("HS256", "RS256", "PS256", "ES256", "Ed25519")
ENCRYPTIONS = ("dir", "RSA-OAEP-256", "ECDH-ES")
ROUNDS = 15
ROUND_SECONDS = 0.02


def bare_calls(key: Jwk, token: str) -> tuple[Operation, Operation]:
    """Return one library call each on a prepared key: what no JWT code can be faster than."""
    signed, _, segment = token.rpartition(".")
    message = signed.encode()
    signature = b64url_decode(segment)
    private, public = key._material.private, key._material.public  # noqa: SLF001 - the bare primitive
    if key._material.secret is not None:  # noqa: SLF001 - the bare primitive
        keyed = HMAC(key._material.secret, hashes.SHA256())  # noqa: SLF001 - the bare primitive

        def mac() -> bytes:
            copy = keyed.copy()
            copy.update(message)
            return copy.finalize()

        def verify_mac() -> None:
            copy = keyed.copy()
            copy.update(message)
            copy.verify(signature)

        return mac, verify_mac
    scheme: tuple[object, ...] = ()
    if key.algorithm == "RS256":
        scheme = (padding.PKCS1v15(), hashes.SHA256())
    elif key.algorithm == "PS256":
        scheme = (padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32), hashes.SHA256())
    elif key.algorithm == "ES256":
        scheme = (ec.ECDSA(hashes.SHA256()),)
        middle = len(signature) // 2
        r, s = (int.from_bytes(half, "big") for half in (signature[:middle], signature[middle:]))
        signature = encode_dss_signature(r, s)
    return lambda: private.sign(message, *scheme), lambda: public.verify(signature, message, *scheme)


def _ours(key: Jwk) -> tuple[str, Operation, Operation]:
    verifier = Verifier.access_token(issuer=CLAIMS["iss"], audience=CLAIMS["aud"], algorithms=[key.algorithm])
    keys = JwkSet((key if key.is_symmetric else key.public(),))
    token = jwt.sign(CLAIMS, key, typ=jwt.AT_JWT)
    verifier.verify(token, keys)
    return token, lambda: jwt.sign(CLAIMS, key, typ=jwt.AT_JWT), lambda: verifier.verify(token, keys)


def _pyjwt(key: Jwk, token: str) -> tuple[Operation, Operation]:
    import jwt as pyjwt  # noqa: PLC0415 - a peer loads only when measured

    name = "EdDSA" if key.algorithm == "Ed25519" else key.algorithm
    prepared = pyjwt.PyJWK(key.as_private_dict() | {"alg": name})
    public = prepared if key.is_symmetric else pyjwt.PyJWK(key.as_dict() | {"alg": name})
    headers = {"typ": "at+jwt", "kid": key.kid}
    token = pyjwt.encode(CLAIMS, prepared, algorithm=name, headers=headers)
    given = {"algorithms": [name], "audience": CLAIMS["aud"], "issuer": CLAIMS["iss"]}
    return (
        lambda: pyjwt.encode(CLAIMS, prepared, algorithm=name, headers=headers),
        lambda: pyjwt.decode(token, public, **given),
    )


def _joserfc(key: Jwk, token: str) -> tuple[Operation, Operation]:
    from joserfc import jwt as peer  # noqa: PLC0415 - a peer loads only when measured
    from joserfc.jwk import import_key  # noqa: PLC0415 - a peer loads only when measured

    prepared = import_key(key.as_private_dict())
    public = prepared if key.is_symmetric else import_key(key.as_dict())
    registry = peer.JWTClaimsRegistry(
        iss={"essential": True, "value": CLAIMS["iss"]}, aud={"essential": True, "value": CLAIMS["aud"]}
    )
    header = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}

    def verify() -> None:
        registry.validate(peer.decode(token, public, algorithms=[key.algorithm]).claims)

    return lambda: peer.encode(header, CLAIMS, prepared, algorithms=[key.algorithm]), verify


def _jwcrypto(key: Jwk, token: str) -> tuple[Operation, Operation]:
    from jwcrypto import jwk, jwt as peer  # noqa: PLC0415, I001 - a peer loads only when measured

    if key.algorithm == "Ed25519":
        raise NotImplementedError
    prepared = jwk.JWK(**key.as_private_dict())
    public = prepared if key.is_symmetric else jwk.JWK(**key.as_dict())
    header = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}
    expected = {"iss": CLAIMS["iss"], "aud": CLAIMS["aud"], "exp": None}

    def sign() -> str:
        made = peer.JWT(header=header, claims=CLAIMS)
        made.make_signed_token(prepared)
        return str(made.serialize())

    return sign, lambda: peer.JWT(jwt=token, key=public, algs=[key.algorithm], check_claims=expected)


def _authlib(key: Jwk, token: str) -> tuple[Operation, Operation]:
    from authlib.jose import JsonWebKey, JsonWebToken  # noqa: PLC0415 - a peer loads only when measured

    if key.algorithm == "Ed25519":
        raise NotImplementedError
    peer = JsonWebToken([key.algorithm])
    prepared = JsonWebKey.import_key(key.as_private_dict())
    public = prepared if key.is_symmetric else JsonWebKey.import_key(key.as_dict())
    header = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}
    options = {name: {"essential": True, "value": CLAIMS[name]} for name in ("iss", "aud")}
    return lambda: peer.encode(header, CLAIMS, prepared), lambda: peer.decode(
        token, public, claims_options=options
    ).validate()


PEERS = {"PyJWT": _pyjwt, "joserfc": _joserfc, "jwcrypto": _jwcrypto, "Authlib": _authlib}


def signature_operations() -> dict[str, dict[str, Operation]]:
    """Return the operations by name: "HS256 sign" -> library -> call."""
    found: dict[str, dict[str, Operation]] = {}
    for name in SIGNATURES:
        key = Jwk.generate(name)
        token, sign, verify = _ours(key)
        raw = bare_calls(key, token)
        rows = {
            f"{name} sign": {"raw": raw[0], "valetkey": sign},
            f"{name} verify": {"raw": raw[1], "valetkey": verify},
        }
        for peer, make in PEERS.items():
            try:
                calls = make(key, token)
                for row, call in zip(rows.values(), calls, strict=True):
                    call()
                    row[peer] = call
            except (NotImplementedError, ImportError, ValueError) as error:
                print(f"{peer} does not take part in {name}: {type(error).__name__}", file=sys.stderr)
        found |= rows
    return found


def encryption_operations() -> dict[str, dict[str, Operation]]:
    """Return decryption by name and library; the content is a small claims set under A256GCM."""
    from joserfc import jwe as peer  # noqa: PLC0415 - a peer loads only when measured
    from joserfc.jwk import import_key  # noqa: PLC0415 - a peer loads only when measured

    found: dict[str, dict[str, Operation]] = {}
    for name in ENCRYPTIONS:
        key = Jwk.generate(name)
        decrypter = Decrypter(keys=JwkSet((key,)), algorithms=[name], encryptions=["A256GCM"])
        token = jwe.encrypt(json.dumps(CLAIMS).encode(), key, encryption="A256GCM")
        prepared = import_key(key.as_private_dict())
        found[f"{name} decrypt"] = {
            "raw": _raw_decryption(key, token),
            "valetkey": lambda decrypter=decrypter, token=token: decrypter.decrypt(token),
            "joserfc": lambda token=token, prepared=prepared, name=name: peer.decrypt_compact(
                token, prepared, algorithms=[name, "A256GCM"]
            ),
        }
    return found


def _raw_decryption(key: Jwk, token: str) -> Operation:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - with the primitive

    header, encrypted_key, iv, ciphertext, tag = token.split(".")
    parts = [b64url_decode(part) for part in (encrypted_key, iv, ciphertext, tag)]
    if key.algorithm == "dir":
        cipher = AESGCM(key._material.secret)  # noqa: SLF001 - the bare primitive
        sealed = parts[2] + parts[3]
        return lambda: cipher.decrypt(parts[1], sealed, header.encode())
    private = key._material.private  # noqa: SLF001 - the bare primitive
    if key.algorithm == "ECDH-ES":
        other = ec.generate_private_key(ec.SECP256R1()).public_key()
        return lambda: private.exchange(ec.ECDH(), other)
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    return lambda: private.decrypt(parts[0], scheme)


def _timed(call: Operation, count: int) -> float:
    # CPU time of this thread: what else runs on the machine takes turns, and those are not ours.
    start = time.thread_time_ns()
    for _ in range(count):
        call()
    return (time.thread_time_ns() - start) / count / 1_000


def measured(calls: dict[str, Operation], rounds: int) -> dict[str, dict[str, float]]:
    """Return the figures of each library, its rounds interleaved with those of the others."""
    counts = {name: max(1, int(ROUND_SECONDS * 1e6 / max(_timed(call, 3), 0.1))) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            samples[name].append(_timed(call, counts[name] if rounds > 1 else 1))
    figures: dict[str, dict[str, float]] = {}
    for name, taken in samples.items():
        # Ratios of the same round cancel what the machine did meanwhile.
        to_raw = [one / raw for one, raw in zip(taken, samples["raw"], strict=True)]
        to_ours = [one / ours for one, ours in zip(taken, samples["valetkey"], strict=True)]
        figures[name] = {
            "median_us": round(statistics.median(taken), 2),
            "spread": round((max(taken) - min(taken)) / statistics.median(taken), 2),
            "to_raw": round(statistics.median(to_raw), 2),
            "to_valetkey": round(statistics.median(to_ours), 2),
        }
    return figures


def main() -> None:
    """Run every operation and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--smoke", action="store_true", help="run each operation once")
    chosen = parser.parse_args()
    rounds = 1 if chosen.smoke else ROUNDS
    load = load_average()
    figures = {
        name: measured(calls, rounds) for name, calls in (signature_operations() | encryption_operations()).items()
    }
    for name, row in figures.items():
        print(name)
        for library, figure in row.items():
            print(
                f"  {library:10} {figure['median_us']:9.2f} us  spread {figure['spread']:5.2f}"
                f"  {figure['to_raw']:7.2f}x raw  {figure['to_valetkey']:6.2f}x valetkey"
            )
    if chosen.json is not None:
        names = ("cryptography", "msgspec", "PyJWT", "joserfc", "jwcrypto", "Authlib")
        versions = {name: version(name) for name in names}
        about = {"rounds": rounds, "versions": versions, "machine": conditions(load)}
        chosen.json.write_text(json.dumps({"about": about, "operations": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
