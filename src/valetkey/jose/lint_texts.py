"""The one table of lints: a stable code, how grave it is, and one sentence in words (RFC 8725)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


class Severity(StrEnum):
    """How grave a finding is."""

    ERROR = "error"
    """A strict verifier refuses the token, or somebody else than its issuer can make one or read a secret in it."""
    WARNING = "warning"
    """It works today, and is likely to hurt."""
    NOTE = "note"
    """Good to know."""


@dataclass(frozen=True, slots=True)
class Lint:
    """A row of the table: `sentence` explains the finding to somebody who sees such a token for the first time."""

    code: str
    severity: Severity
    sentence: str


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

_TOKEN: Final = (
    Lint("malformed", _E, "The text is not a well-formed token, so no verifier will read it."),
    Lint("duplicate_member", _E, "A JSON object names a member twice: two readers can see two different tokens."),
    Lint(
        "bearer_prefix", _N, "The word Bearer belongs to the HTTP header, not to the token; it was left out here."
    ),
    Lint(
        "oversize", _W, "The token is large: it is sent with every request, and many servers refuse long headers."
    ),
    Lint(
        "oversize_cookie", _N, "The token is too large for a cookie: browsers keep 4096 octets and drop the rest."
    ),
    Lint("oversize_limit", _E, "The token is larger than a strict verifier reads at all."),
    Lint("encrypted", _N, "The token is encrypted: only the holder of the key can see and judge its claims."),
)

_HEADER: Final = (
    Lint("alg_none", _E, "The algorithm none means that the token is not signed: anybody can write one."),
    Lint("alg_missing", _E, "The header names no algorithm, so the signature says nothing."),
    Lint("alg_unknown", _E, "No specification knows this algorithm: a verifier must refuse it."),
    Lint("alg_symmetric", _N, "The key is a shared secret: whoever can verify such a token can also make one."),
    Lint(
        "alg_confusion",
        _E,
        "The header speaks of a public key, but the algorithm takes a secret: a verifier that takes the public key "
        "as the secret accepts tokens from anybody.",
    ),
    Lint(
        "alg_polymorphic",
        _N,
        "EdDSA does not say which curve it means; Ed25519 and Ed448 are the names that do (RFC 9864).",
    ),
    Lint("alg_rsa1_5", _W, "RSA1_5 has been broken by padding oracles again and again: use RSA-OAEP-256."),
    Lint("pbes2_count", _W, "The iteration count of the password is too low to slow down guessing."),
    Lint("pbes2_count_high", _E, "The iteration count is so high that it stalls whoever decrypts, or is refused."),
    Lint("enc_unknown", _E, "No specification knows this content encryption: a recipient must refuse it."),
    Lint(
        "zip",
        _W,
        "Compressed before encryption: the length tells about the content, and a small token can inflate.",
    ),
    Lint(
        "typ_missing", _W, "Without typ, a token of one kind can be taken for one of another kind (RFC 8725, 3.11)."
    ),
    Lint(
        "typ_access_token",
        _N,
        "It looks like an access token, but its typ is not at+jwt, which tells it from others.",
    ),
    Lint("kid_missing", _N, "Without kid, the verifier must guess the key, and keys are hard to rotate."),
    Lint(
        "kid_suspicious", _E, "The kid looks like a path, a URL or a query: it is an attack on how keys are found."
    ),
    Lint("key_by_url", _W, "The header says where to fetch the key: a verifier that follows it trusts the sender."),
    Lint(
        "key_embedded",
        _W,
        "The header brings its own key: a verifier that believes it accepts tokens from anybody.",
    ),
    Lint("crit", _E, "The header marks extensions as critical that few understand: others must refuse the token."),
)

_CLAIMS: Final = (
    Lint("claims_missing", _E, "The payload is no JSON object: it may be a signed text, but it is no JWT."),
    Lint("exp_missing", _E, "Without exp the token is good for ever: once stolen, it can never be outlived."),
    Lint("exp_past", _E, "The token has expired."),
    Lint("time_malformed", _E, "A time is written as seconds since 1970, a number: this one is something else."),
    Lint(
        "time_in_milliseconds", _E, "The time seems to be in milliseconds: it is read as a date far in the future."
    ),
    Lint("exp_before_iat", _E, "The token expires before it was issued."),
    Lint("iat_future", _E, "The token says that it was issued in the future: one of the clocks is wrong."),
    Lint("nbf_future", _E, "The token is not valid yet."),
    Lint("iat_missing", _N, "Without iat nobody can tell how old the token is."),
    Lint(
        "long_life",
        _W,
        "The token lives long: a stolen one can be used all that time, and it cannot be taken back.",
    ),
    Lint("iss_missing", _W, "Without iss a verifier cannot tell whose token it is."),
    Lint("aud_missing", _W, "Without aud a token for one service is accepted by every other one."),
    Lint("sub_missing", _N, "Without sub the token does not say whom it is about."),
    Lint("jti_missing", _N, "Without jti the single token cannot be named: not in a log, and not to revoke it."),
    Lint(
        "secret_claim", _E, "A claim looks like a secret: a JWT is signed, not hidden, and everybody can read it."
    ),
    Lint("personal_claim", _N, "A claim is personal: whoever sees the token, a log file too, can read it."),
)

_SIGNATURE: Final = (
    Lint("signature_empty", _E, "The signature is empty: the token proves nothing."),
    Lint("signature_length", _E, "The signature has another length than those of its algorithm have."),
    Lint(
        "signature_der", _E, "The signature is in DER: JWS wants the two numbers as plain octets (RFC 7518, 3.4)."
    ),
    Lint("secret_guessable", _E, "The token is signed with a secret that everybody knows: anybody can make one."),
)

_KEY: Final = (
    Lint("key_unsound", _E, "The key is malformed or too weak to be used."),
    Lint("key_short", _E, "The key is too short for its algorithm: it can be guessed or computed."),
    Lint("key_from_words", _W, "The secret consists of printable text: if a person made it up, it can be guessed."),
    Lint("key_public_as_secret", _E, "The shared secret is the text of a public key, which everybody has."),
    Lint("key_private", _N, "It holds a private part: publish only the public one, and paste it nowhere."),
    Lint("key_without_alg", _W, "The key names no alg: a key that works with two algorithms invites confusion."),
    Lint("key_without_kid", _N, "The key has no kid: tokens cannot name it, and it is hard to rotate."),
    Lint("key_other_algorithm", _E, "The token's algorithm is not the one that the key is for."),
)

LINTS: Final[Mapping[str, Lint]] = {row.code: row for row in (*_TOKEN, *_HEADER, *_CLAIMS, *_SIGNATURE, *_KEY)}
"""Every lint by its code. Codes are stable; sentences may be worded better."""

GUESSABLE_SECRETS: Final = (
    "", "secret", "secretkey", "secret-key", "secret_key", "supersecret", "super-secret", "super_secret",
    "mysecret", "my-secret", "my_secret", "mysecretkey", "my-secret-key", "jwt-secret", "jwt_secret", "jwtsecret",
    "your-secret", "your-secret-key", "your_secret_key", "your-256-bit-secret", "your-384-bit-secret",
    "your-512-bit-secret", "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-256-bits-long", "shhhh", "shhhhh", "password", "passw0rd",
    "a-valid-string-secret-that-is-at-least-384-bits-long-which-is-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long", "pass", "changeme", "change-me",
    "changeit", "default", "admin", "root", "test", "testing", "dev", "development", "example", "key", "private",
    "jwt", "token", "auth", "0", "1", "123", "1234", "12345", "123456", "12345678", "123456789", "1234567890",
    "qwerty", "letmein", "hello", "world", "SECRET_KEY", "JWT_SECRET", "keyboard cat",
    # Keys that tutorials print and people keep.
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "qwertyuiopasdfghjklzxcvbnm123456",
    "0123456789abcdef0123456789abcdef", "00000000000000000000000000000000",
)  # fmt: skip
"""Secrets that stand in tutorials, on web pages and in word lists."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: `code` is a row of the table, `detail` says where or how much.

    No detail holds a secret, but for one that is guessable.
    """

    code: str
    detail: str = ""

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return LINTS[self.code].severity

    @property
    def sentence(self) -> str:
        """The explanation in words."""
        return LINTS[self.code].sentence
