"""Coverage-guided fuzzing of the toolkit: whatever the octets, nothing but JoseError may escape (RFC 8725).

Run: `python fuzz/toolkit.py fuzz/corpus -max_total_time=60` in an environment with the group `fuzz`. The corpus is
kept: what libFuzzer finds worth keeping is added to it, and `tests/properties/jose` judges it in every test run.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import atheris
except ImportError:  # the test run that judges the corpus needs no fuzzer
    watched: AbstractContextManager[object] = nullcontext()
else:
    watched = atheris.instrument_imports(include=["valetkey.jose"])

with watched:
    from valetkey.jose import JoseError, Jwk, JwkSet, Verifier, jws_json, jwt
    from valetkey.jose.certificates import key_of_chain
    from valetkey.jose.dpop_proof import DpopProofVerifier
    from valetkey.jose.jwe import Decrypter
    from valetkey.jose.jwe_json import decrypt_json
    from valetkey.jose.jws_json import Signatures
    from valetkey.jose.lints import lint_token
    from valetkey.jose.remote import FetchAnswer, RemoteJwkSet
    from valetkey.jose.verified_tokens import VerifiedTokens

_SIGNING = Jwk.parse(
    {
        "kty": "oct",
        "alg": "HS256",
        "kid": "a",
        "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    }
)
_WRAPPING = Jwk.parse({"kty": "oct", "alg": "A128KW", "kid": "b", "k": "GawgguFyGrWKav7AX4VKUg"})
_KEYS = JwkSet((_SIGNING,))
_VERIFIER = Verifier(issuer="joe", audience="anybody", typ="JWT", algorithms=["HS256"])
_DECRYPTER = Decrypter(keys=JwkSet((_WRAPPING,)), algorithms=["A128KW"], encryptions=["A128CBC-HS256"])
_PROOFS = DpopProofVerifier(algorithms=["ES256", "Ed25519"])
_TOKENS = VerifiedTokens(_VERIFIER, size=16)
_PUBLISHED = RemoteJwkSet("https://as.example/jwks")
_ANCHOR = """\
-----BEGIN CERTIFICATE-----
MIIBQTCB56ADAgECAgEBMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBHJvb3QwIBcN
MDAwMTAxMDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBHJvb3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ1m+FVaLbexI7gonMiYe1FlfWodgHq
J+1ytLpPDf0y6b2o01seeN2Tz4QIunFxS+Ipu07i+EyV+jdeXfSKI8cEozIwMDAP
BgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTVFXfugYxYNudbUM+pvUd5od+EijAK
BggqhkjOPQQDAgNJADBGAiEA/mcBdPQvB12DbnCnPl8JCQi5HvB3ifpP/0CGmHWy
b+0CIQDwFcsImGjnHI3mL0HT6HCeMX6pevkjeEnjmOlq16nhGg==
-----END CERTIFICATE-----
"""
_NOW = 1_300_819_379

_DOORS: tuple[Callable[[str], object], ...] = (
    lambda text: _VERIFIER.verify(text, _KEYS, now=_NOW),
    jwt.peek,
    _DECRYPTER.decrypt,
    lambda text: decrypt_json(text, _DECRYPTER),
    lambda text: jws_json.verify_json(text, _KEYS, algorithms=["HS256"], signatures=Signatures.ONE),
    Jwk.parse,
    JwkSet.parse,
    lambda text: _PROOFS.verify(text, now=_NOW),
    lambda text: _TOKENS.verify(text, _KEYS, now=_NOW),
    lambda text: Jwk.from_pem(text, algorithm="ES256"),
    lambda text: key_of_chain([text], trust_anchors=[_ANCHOR], algorithm="ES256", now=_NOW),
)


def show_one_input(octets: bytes) -> None:
    """Show one input to every door of the toolkit that takes text from strangers."""
    text = octets.decode("utf-8", "surrogateescape")
    for door in _DOORS:
        with suppress(JoseError):
            door(text)
    with suppress(JoseError):
        Jwk.from_der(octets, algorithm="RS256")
    # What a source answers makes another state, and raises nothing; nor do the lints.
    _PUBLISHED.answered(FetchAnswer(200, {"content-type": "application/json"}, octets), _NOW)
    lint_token(text, now=_NOW)


def main() -> None:
    """Hand over to libFuzzer."""
    atheris.Setup(sys.argv, show_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
