"""Codes of an end-user's device, a new one every half minute (TOTP, RFC 6238): each is accepted once."""

from __future__ import annotations

import hmac
from base64 import b32decode, b32encode
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from valetkey.authorization_server.acr_levels import ONE_TIME_CODE
from valetkey.authorization_server.budgets import Budget, network_of
from valetkey.authorization_server.user_authentication.acr import UserAuthenticationMethod
from valetkey.oauth.types import SecretText

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.oauth.types import NumericDate, Subject

METHOD: Final = UserAuthenticationMethod("one_time_code", ONE_TIME_CODE)
STEP_SECONDS: Final = 30
DIGITS: Final = 6
SKEW: Final = 1
"""How many steps the clock of the device may be off, either way (RFC 6238, 6)."""
ENROLMENT_SECONDS: Final = 900
"""How long a begun enrolment waits for its first code."""

_KEY_OCTETS: Final = 20  # as long as the MAC of SHA-1 (RFC 4226, 4, R6)
_SPACES: Final = str.maketrans("", "", " \t\u00a0-")
_ACCOUNT: Final = "code:account:"
_SOURCE: Final = "login:source:"


def new_key(fresh: Fresh) -> SecretText:
    """Return a new key of 160 bits, base32 without padding, as devices take it."""
    return SecretText(b32encode(fresh.draw("one-time code key")[:_KEY_OCTETS]).decode().rstrip("="))


def step_of(typed: str, key: SecretText, last_step: int, now: NumericDate) -> int | None:
    """Return the time step that a typed code belongs to; None where none that is left accepts it.

    Steps up to `last_step` are used up (RFC 6238, 5.2). Blanks and hyphens in the code do not count.
    """
    code = typed.translate(_SPACES)
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return None
    counter = HOTP(_octets(key), DIGITS, SHA1())  # noqa: S303 - what every device computes; HMAC does not suffer
    present = now // STEP_SECONDS
    found: int | None = None
    for step in range(present - SKEW, present + SKEW + 1):
        # Every step is computed, whichever it is: the time does not tell.
        matches = hmac.compare_digest(counter.generate(max(step, 0)), code.encode())
        if matches and step > last_step and found is None:
            found = step
    return found


def provisioning_uri(key: SecretText, issuer_name: str, username: str) -> str:
    """Return what the QR code of an enrolment holds: a secret (Key Uri Format of authenticator applications)."""
    # A colon would end the name of the issuer early.
    label = f"{issuer_name.replace(':', ' ')}:{username.replace(':', ' ')}"
    query = urlencode({"secret": key.reveal(), "issuer": issuer_name}, quote_via=quote)
    return f"otpauth://totp/{quote(label)}?{query}"


def in_groups(key: SecretText) -> str:
    """Return a key as people type it off a screen: groups of four letters."""
    text = key.reveal()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def code_budgets(subject: Subject, address: str) -> tuple[Budget, ...]:
    """Return the budgets that one typed code takes an attempt of: its end-user's and its address's.

    Whoever gets as far as to type a code knows the password: that a thief of it can keep the end-user waiting is
    the price of a million codes being few. 720 attempts a day at three living codes each: two in a thousand.
    """
    return (
        Budget(_ACCOUNT + subject, interval=120, burst=10),
        Budget(_SOURCE + network_of(address), interval=4, burst=200),
    )


def _octets(key: SecretText) -> bytes:
    text = key.reveal()
    return b32decode(text + "=" * (-len(text) % 8))
