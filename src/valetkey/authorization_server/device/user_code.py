"""User codes (RFC 8628, 6.1): eight of twenty consonants, which no word and no look-alike can be made of."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from valetkey.oauth.types import OpaqueToken

if TYPE_CHECKING:
    from valetkey.oauth.types import TokenDigest

ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH: Final = 8
"""Letters: 20**8 codes are 34.5 bits."""
LONGEST_TYPED: Final = 64
"""Characters of what somebody types that are looked at at all."""

_HALF: Final = LENGTH // 2
_CODE: Final = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
# What is read or typed instead of a letter of the alphabet: letters of other scripts, and digits like letters.
_LOOK_ALIKES: Final = str.maketrans(
    {
        "1": "L", "2": "Z", "5": "S", "6": "G", "8": "B", "I": "L", "|": "L",
        "\u0392": "B", "\u0396": "Z", "\u0397": "H", "\u039a": "K", "\u039c": "M", "\u039d": "N", "\u03a1": "P",
        "\u03a4": "T", "\u03a7": "X", "\u03f9": "C",
        "\u0405": "S", "\u0408": "J", "\u0412": "B", "\u0421": "C", "\u041a": "K", "\u041c": "M", "\u041d": "H",
        "\u0420": "P", "\u0422": "T", "\u0425": "X",
    }
)  # fmt: skip


def user_code(entropy: bytes) -> str:
    """Return the code that 32 random bytes give, in its normal form: eight letters without a separator."""
    # 256 bits over 20**8 codes: none is likelier than another by more than 2**-221.
    rest = int.from_bytes(entropy, "big")
    letters = []
    for _ in range(LENGTH):
        rest, number = divmod(rest, len(ALPHABET))
        letters.append(ALPHABET[number])
    return "".join(letters)


def spelled(code: str) -> str:
    """Return a code of normal form as people read it: `XXXX-XXXX`."""
    return f"{code[:_HALF]}-{code[_HALF:]}"


def normal_form(typed: str) -> str | None:
    """Return the code that somebody means, or None where it cannot be one (RFC 8628, 6.1).

    Case, spaces, hyphens and other punctuation mean nothing; what looks like a letter of the alphabet is that
    letter, in whatever script; a digit is first read as the ASCII one.
    """
    if len(typed) > LONGEST_TYPED:
        return None
    plain = unicodedata.normalize("NFKC", typed).upper()
    # RFC8628-6.1/comparison
    kept = "".join(_plain(character) for character in plain if _counts(character)).translate(_LOOK_ALIKES)
    return kept if _CODE.fullmatch(kept) else None


def digest_of(code: str) -> TokenDigest:
    """Return what the store keeps of a code of normal form."""
    return OpaqueToken.presented(code).digest()


def _counts(character: str) -> bool:
    # A bar is drawn like an L; all other punctuation, space and what is invisible separates letters.
    return character == "|" or unicodedata.category(character)[0] in "LN"


def _plain(character: str) -> str:
    digit = unicodedata.digit(character, None)
    return character if digit is None else str(digit)
