"""The toolkit beside PyJWT, joserfc, jwcrypto, Authlib and the bare primitives, interleaved in one process.

`python benchmarks/jose.py` prints, for each operation and library, the median of the rounds in CPU microseconds,
the ratio to the bare primitive and to ours, and the spread; `--json FILE` writes the same figures for the docs;
`--smoke` runs each once; `--repeat N` runs all N times, and keeps of each operation the run in which the bare
primitive was fastest: the one that was disturbed least. Every library gets prepared keys, the same claims, and
verifies signature, issuer, audience and expiry; ours also refuses duplicate members, wrong `typ` and non-canonical
base64url, which the others do not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from jose_peers import OPENERS, SIGNERS
from machine import conditions, load_average

from valetkey.jose import Decrypter, Jwk, JwkSet, Verifier, jwe, jwt
from valetkey.jose.encoding import b64url_decode
from valetkey.jose.verified_tokens import VerifiedTokens

if TYPE_CHECKING:
    from collections.abc import Callable

    Operation = Callable[[], object]
    Rows = dict[str, dict[str, Operation]]

warnings.simplefilter("ignore")

NOW = int(time.time())
ISSUER, AUDIENCE = "https://as.example.com", "https://api.example.com"
CLAIMS: dict[str, object] = {
    "iss": ISSUER,
    "sub": "user-1234567890",
    "aud": AUDIENCE,
    "exp": NOW + 3_600,
    "iat": NOW,
    "jti": "q2ZsVbYQhXw9u3Zp",
    "client_id": "web",
    "scope": "openid profile read write",
}
SIGNATURES = ("HS256", "RS256", "PS256", "ES256", "Ed25519")
ENCRYPTIONS = ("dir", "RSA-OAEP-256", "ECDH-ES")
ROUNDS = 40
ROUND_SECONDS = 0.01


def _material_of(key: Jwk) -> Any:
    """Return what a key holds for the primitives: raw is measured on the very objects that ours uses."""
    return key._material  # noqa: SLF001 - no public way leads to them, so that nobody computes beside the checks


def bare_calls(key: Jwk, token: str) -> tuple[Operation, Operation]:
    """Return one library call each on a prepared key: what no JWT code can be faster than."""
    signed, _, segment = token.rpartition(".")
    message = signed.encode()
    signature = b64url_decode(segment)
    secret = _material_of(key).secret
    if secret is not None:
        return _bare_mac(HMAC(secret, hashes.SHA256()), message, signature)
    private: Any = _material_of(key).private
    public: Any = _material_of(key).public
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


def _bare_mac(keyed: HMAC, message: bytes, signature: bytes) -> tuple[Operation, Operation]:
    def mac() -> bytes:
        copy = keyed.copy()
        copy.update(message)
        return copy.finalize()

    def verify_mac() -> None:
        copy = keyed.copy()
        copy.update(message)
        copy.verify(signature)

    return mac, verify_mac


def _ours(key: Jwk) -> tuple[str, Operation, Operation]:
    verifier = Verifier.access_token(issuer=ISSUER, audience=AUDIENCE, algorithms=[key.algorithm])
    keys = JwkSet((key if key.is_symmetric else key.public(),))
    token = jwt.sign(CLAIMS, key, typ=jwt.AT_JWT)
    verifier.verify(token, keys)
    return token, lambda: jwt.sign(CLAIMS, key, typ=jwt.AT_JWT), lambda: verifier.verify(token, keys)


def signature_operations() -> Rows:
    """Return the operations by name: "HS256 sign" -> library -> call."""
    found: Rows = {}
    for name in SIGNATURES:
        key = Jwk.generate(name)
        token, sign, verify = _ours(key)
        raw_sign, raw_verify = bare_calls(key, token)
        signing: dict[str, Operation] = {"raw": raw_sign, "valetkey": sign}
        verifying: dict[str, Operation] = {"raw": raw_verify, "valetkey": verify}
        for peer, make in SIGNERS.items():
            try:
                signing[peer], verifying[peer] = make(key, CLAIMS)
                verifying[peer]()
            except (ImportError, ValueError) as error:
                print(f"{peer} does not take part in {name}: {type(error).__name__}", file=sys.stderr)
                signing.pop(peer, None)
                verifying.pop(peer, None)
        found |= {f"{name} sign": signing, f"{name} verify": verifying}
    return found


def repeated_operations() -> Rows:
    """Return verifying a token that was verified before, beside a look-up of its text; no peer remembers any."""
    key = Jwk.generate("ES256")
    keys = JwkSet((key.public(),))
    remembering = VerifiedTokens(Verifier.access_token(issuer=ISSUER, audience=AUDIENCE, algorithms=["ES256"]))
    token = jwt.sign(CLAIMS, key, typ=jwt.AT_JWT)
    known = {token: remembering.verify(token, keys)}
    return {"verify again": {"raw": lambda: known.get(token), "valetkey": lambda: remembering.verify(token, keys)}}


def encryption_operations() -> Rows:
    """Return decryption by name and library; the content is a small claims set under A256GCM."""
    found: Rows = {}
    for name in ENCRYPTIONS:
        key = Jwk.generate(name)
        token = jwe.encrypt(json.dumps(CLAIMS).encode(), key, encryption="A256GCM")
        row = found[f"{name} decrypt"] = {"raw": _raw_decryption(key, token), "valetkey": _decryption(key, token)}
        for peer, make in OPENERS.items():
            try:
                call = make(key, token, name)
                call()
            except (ImportError, ValueError) as error:
                print(f"{peer} does not take part in {name}: {type(error).__name__}", file=sys.stderr)
            else:
                row[peer] = call
    return found


def _decryption(key: Jwk, token: str) -> Operation:
    decrypter = Decrypter(keys=JwkSet((key,)), algorithms=[key.algorithm], encryptions=["A256GCM"])
    return lambda: decrypter.decrypt(token)


def _raw_decryption(key: Jwk, token: str) -> Operation:
    header, encrypted_key, iv, ciphertext, tag = token.split(".")
    wrapped, nonce, body, seal = (b64url_decode(part) for part in (encrypted_key, iv, ciphertext, tag))
    sealed, aad = body + seal, header.encode()
    secret = _material_of(key).secret
    if secret is not None:
        cipher = AESGCM(secret)
        return lambda: cipher.decrypt(nonce, sealed, aad)
    private: Any = _material_of(key).private
    if key.algorithm == "ECDH-ES":
        return _raw_agreement(private, json.loads(b64url_decode(header))["epk"], nonce, sealed, aad)
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    return lambda: private.decrypt(wrapped, scheme)


def _raw_agreement(
    private: ec.EllipticCurvePrivateKey, epk: dict[str, str], nonce: bytes, sealed: bytes, aad: bytes
) -> Operation:
    """Return what no recipient is spared: load the sender's key, agree, derive, and open with the fresh key."""
    point = b"\x04" + b64url_decode(epk["x"]) + b64url_decode(epk["y"])
    curve, scheme = ec.SECP256R1(), ec.ECDH()
    # RFC 7518, 4.6.2: round, shared secret, algorithm, two absent parties, length in bits.
    before, after = b"\0\0\0\1", b"\0\0\0\x07A256GCM" + bytes(8) + (256).to_bytes(4, "big")

    def opened() -> bytes:
        public = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        agreed = sha256(before + private.exchange(scheme, public) + after).digest()
        return AESGCM(agreed).decrypt(nonce, sealed, aad)

    opened()
    return opened


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
    return {name: _figures(taken, samples) for name, taken in samples.items()}


def _figures(taken: list[float], samples: dict[str, list[float]]) -> dict[str, float]:
    # Ratios of the same round cancel what the machine did meanwhile.
    to_raw = [one / raw for one, raw in zip(taken, samples["raw"], strict=True)]
    to_ours = [one / ours for one, ours in zip(taken, samples["valetkey"], strict=True)]
    return {
        "median_us": round(statistics.median(taken), 2),
        "spread": round((max(taken) - min(taken)) / statistics.median(taken), 2),
        "to_raw": round(statistics.median(to_raw), 2),
        "to_valetkey": round(statistics.median(to_ours), 2),
    }


def main() -> None:
    """Run every operation and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--smoke", action="store_true", help="run each operation once")
    parser.add_argument("--repeat", type=int, default=1, help="how often; the least disturbed run of each is kept")
    chosen = parser.parse_args()
    rounds = 1 if chosen.smoke else ROUNDS
    load = load_average()
    rows = signature_operations() | repeated_operations() | encryption_operations()
    runs = [{name: measured(calls, rounds) for name, calls in rows.items()} for _ in range(chosen.repeat)]
    figures = {name: min((run[name] for run in runs), key=lambda row: row["raw"]["median_us"]) for name in rows}
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
        about = {"rounds": rounds, "runs": chosen.repeat, "versions": versions, "machine": conditions(load)}
        chosen.json.write_text(json.dumps({"about": about, "operations": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
