"""The errors of the toolkit: one small tree, each class with a stable `code` (RFC 7515 to RFC 7519)."""

from __future__ import annotations

from typing import ClassVar


class JoseError(Exception):
    """Everything that the toolkit raises; `code` is stable, and no message holds token text or key material."""

    code: ClassVar[str] = "jose_error"


class InvalidToken(JoseError):
    """The token must not be believed: the fault is the token's or its sender's."""

    code: ClassVar[str] = "invalid_token"


class MalformedToken(InvalidToken):
    """The text is not a well-formed token (RFC 7515, 5.2; RFC 7516, 5.2)."""

    code: ClassVar[str] = "malformed_token"


class DuplicateMember(MalformedToken):
    """A JSON object names a member twice (RFC 7515, 4; RFC 7519, 4)."""

    code: ClassVar[str] = "duplicate_member"


class TokenTooLarge(InvalidToken):
    """The token is larger than the limit; nothing in it was read."""

    code: ClassVar[str] = "token_too_large"


class AlgorithmNotAllowed(InvalidToken):
    """The algorithm is not on the local list, or not the one that the key is for (RFC 8725, 3.1)."""

    code: ClassVar[str] = "algorithm_not_allowed"


class UnknownKey(InvalidToken):
    """No key of the set is the one that the header names (RFC 7515, 4.1.4)."""

    code: ClassVar[str] = "unknown_key"


class SignatureInvalid(InvalidToken):
    """The signature or MAC does not match (RFC 7515, 5.2)."""

    code: ClassVar[str] = "signature_invalid"


class DecryptionFailed(InvalidToken):
    """The ciphertext cannot be opened; the message never tells which step failed (RFC 7516, 11.5)."""

    code: ClassVar[str] = "decryption_failed"


class TypMismatch(InvalidToken):
    """The token is of another kind: its `typ` is not the expected one (RFC 8725, 3.11)."""

    code: ClassVar[str] = "typ_mismatch"


class ClaimInvalid(InvalidToken):
    """A claim has another value or type than expected; `claim` names it."""

    code: ClassVar[str] = "claim_invalid"

    def __init__(self, message: str, claim: str = "") -> None:
        super().__init__(message)
        self.claim = claim


class ClaimMissing(ClaimInvalid):
    """A claim that this kind of token must bear is absent; `claim` names it."""

    code: ClassVar[str] = "claim_missing"


class TokenExpired(InvalidToken):
    """The time in `exp` has come (RFC 7519, 4.1.4)."""

    code: ClassVar[str] = "token_expired"


class TokenNotYetValid(InvalidToken):
    """The token was made for, or dated in, the future (RFC 7519, 4.1.5 and 4.1.6)."""

    code: ClassVar[str] = "token_not_yet_valid"


class InvalidKey(JoseError):
    """The key is malformed, too weak, or not usable for what it is asked to do (RFC 7517; RFC 7518, 6)."""

    code: ClassVar[str] = "invalid_key"


class KeySourceUnavailable(JoseError):
    """No usable keys are known because their source cannot be reached: an outage, never a bad token."""

    code: ClassVar[str] = "key_source_unavailable"


class ConfigurationError(JoseError):
    """The caller asked for something that is unsafe or makes no sense; found before any token is read."""

    code: ClassVar[str] = "configuration_error"


class AlgorithmUnavailable(JoseError):
    """The algorithm is known, but the installed cryptography cannot compute it."""

    code: ClassVar[str] = "algorithm_unavailable"
