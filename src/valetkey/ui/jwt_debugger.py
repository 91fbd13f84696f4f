"""What the token debugger's scripts are given: sentences in the page's language, and the toolkit's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENT_ALGORITHMS, SIGNATURE_ALGORITHMS
from valetkey.jose.claim_lints import (
    CLAIMS_OF_KINDS,
    CLOCK_SKEW_SECONDS,
    EXPECTED_CLAIMS,
    LONG_ACCESS_TOKEN_SECONDS,
    LONG_LIFE_SECONDS,
)
from valetkey.jose.jwt import MAXIMUM_JWT_OCTETS
from valetkey.jose.key_management import MAXIMUM_PBES2_COUNT
from valetkey.jose.lint_texts import GUESSABLE_SECRETS, LINTS
from valetkey.jose.lints import COOKIE_OCTETS, HEADER_OCTETS, LOWEST_PBES2_COUNT
from valetkey.ui.jwt_words import JWT_WORDS
from valetkey.ui.views import JwtDebugger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEBUGGER_PATH: Final = "/playground/jwt"
"""Where the page stands, relative to the issuer."""

DEBUGGER: Final = JwtDebugger(
    (
        ("ECDSA", ("ES256", "ES384", "ES512")),
        ("EdDSA", ("Ed25519", "EdDSA")),
        ("RSA-PSS", ("PS256", "PS384", "PS512")),
        ("RSA PKCS #1", ("RS256", "RS384", "RS512")),
        ("HMAC", ("HS256", "HS384", "HS512")),
    )
)
"""The page with the algorithms that WebCrypto has."""

_LIMITS: Final = {
    "jwt": MAXIMUM_JWT_OCTETS,
    "header": HEADER_OCTETS,
    "cookie": COOKIE_OCTETS,
    "lowest_pbes2": LOWEST_PBES2_COUNT,
    "highest_pbes2": MAXIMUM_PBES2_COUNT,
    "life": LONG_LIFE_SECONDS,
    "access_token_life": LONG_ACCESS_TOKEN_SECONDS,
    "clock_skew": CLOCK_SKEW_SECONDS,
}


def debugger_tables(translate: Callable[[str], str]) -> Mapping[str, object]:
    """Return what the scripts read, as JSON values: `lints` by code, `words` in groups, and the names they know."""
    return {
        "lints": {
            code: {"severity": row.severity.value, "sentence": translate(row.sentence)}
            for code, row in LINTS.items()
        },
        "words": {
            group: {name: translate(sentence) for name, sentence in sentences.items()}
            for group, sentences in JWT_WORDS.items()
        },
        "signature_algorithms": list(SIGNATURE_ALGORITHMS),
        "symmetric_algorithms": [row.name for row in SIGNATURE_ALGORITHMS.values() if row.is_symmetric],
        "encryption_algorithms": sorted({row.header_name for row in KEY_MANAGEMENT_ALGORITHMS.values()}),
        "content_encryptions": list(CONTENT_ENCRYPTIONS),
        "guessable_secrets": list(GUESSABLE_SECRETS),
        "expected_claims": list(EXPECTED_CLAIMS),
        "claims_of_kinds": {typ: sorted(required) for typ, required in CLAIMS_OF_KINDS.items()},
        "limits": _LIMITS,
    }
