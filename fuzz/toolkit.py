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
    from valetkey.jose.jwe import Decrypter
    from valetkey.jose.jwe_json import decrypt_json
    from valetkey.jose.jws_json import Signatures
    from valetkey.jose.lints import lint_token

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
_NOW = 1_300_819_379

_DOORS: tuple[Callable[[str], object], ...] = (
    lambda text: _VERIFIER.verify(text, _KEYS, now=_NOW),
    jwt.peek,
    _DECRYPTER.decrypt,
    lambda text: decrypt_json(text, _DECRYPTER),
    lambda text: jws_json.verify_json(text, _KEYS, algorithms=["HS256"], signatures=Signatures.ONE),
    Jwk.parse,
    JwkSet.parse,
)


def show_one_input(octets: bytes) -> None:
    """Show one input to every door of the toolkit that takes text from strangers."""
    text = octets.decode("utf-8", "surrogateescape")
    for door in _DOORS:
        with suppress(JoseError):
            door(text)
    # The lints promise to raise nothing at all.
    lint_token(text, now=_NOW)


def main() -> None:
    """Hand over to libFuzzer."""
    atheris.Setup(sys.argv, show_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
