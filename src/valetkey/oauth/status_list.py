"""Token Status List, both directions: the list itself, and a token's reference to its place in one."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.jose.encoding import b64url_decode, b64url_encode
from valetkey.jose.errors import MalformedToken
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MEDIA_TYPE: Final = "application/statuslist+jwt"
MAXIMUM_OCTETS: Final = 1 << 20
"""Octets of an inflated list that are read: eight million tokens of one bit."""
VALID: Final = 0
"""Any other status means that the token is not to be accepted now."""

_SIZES: Final = frozenset({1, 2, 4, 8})
_LONGEST_URI: Final = 2_048
_URI: Final = re.compile(r"https?://[!-~]+")


class MalformedStatusList(ValueError):
    """A status list, or a reference to one, is not what the specification says; nothing can be told by it."""


class StatusReference(msgspec.Struct, frozen=True):
    """Where the status of a token stands: the list's URI, and the place in it, from 0 (section 6.2)."""

    uri: str
    index: int

    def claim(self) -> dict[str, object]:
        """Return the value of the claim `status`."""
        return {"status_list": {"idx": self.index, "uri": self.uri}}  # TSL-6.2/reference

    @classmethod
    def parse(cls, claims: Mapping[str, object]) -> StatusReference | None:
        """Return the reference in `claims`, None where there is no `status` at all.

        Raises MalformedStatusList for one that cannot be followed: such a token's status is not known.
        """
        status = claims.get("status")
        if status is None:
            return None
        found = status.get("status_list") if isinstance(status, dict) else None
        if not isinstance(found, dict):
            raise MalformedStatusList("the claim status holds no status_list")
        index, uri = found.get("idx"), found.get("uri")
        if type(index) is not int or index < 0:
            raise MalformedStatusList("idx is not a whole number from 0")  # TSL-6.2/idx
        if type(uri) is not str or len(uri) > _LONGEST_URI or not _URI.fullmatch(uri):
            raise MalformedStatusList("uri is not a URL")  # TSL-6.2/uri
        return cls(uri, index)


@dataclass(frozen=True, slots=True)
class StatusList:
    """The statuses of many tokens, `bits` (1, 2, 4 or 8) each, from the lowest bit of the first octet up."""

    bits: int
    octets: bytes

    def __post_init__(self) -> None:
        if type(self.bits) is not int or self.bits not in _SIZES:
            raise MalformedStatusList("bits is 1, 2, 4 or 8")  # TSL-4.2/bits

    @classmethod
    def of_revoked(cls, revoked: Iterable[int], size: int) -> StatusList:
        """Return the list of `size` tokens in which those at the places of `revoked` are INVALID (section 7.1)."""
        octets = bytearray((size + 7) // 8)
        for index in revoked:
            octets[index >> 3] |= 1 << (index & 7)
        return cls(1, bytes(octets))

    def status(self, index: int) -> int:
        """Return the status at `index`; raises MalformedStatusList beyond the end of the list (section 8.3)."""
        bits = self.bits
        place = index * bits
        octet = place >> 3
        if octet >= len(self.octets) or index < 0:
            raise MalformedStatusList("the index is beyond the end of the list")  # TSL-8.3/out-of-bounds
        return (self.octets[octet] >> (place & 7)) & ((1 << bits) - 1)

    def claim(self) -> dict[str, object]:
        """Return the value of the claim `status_list`, compressed (sections 4.1 and 4.2)."""
        return {"bits": self.bits, "lst": b64url_encode(zlib.compress(self.octets, 9))}  # TSL-4.2/lst

    @classmethod
    def parse(cls, value: object) -> StatusList:
        """Return the list that a claim `status_list` holds; raises MalformedStatusList.

        At most MAXIMUM_OCTETS are inflated, whatever the claim would become.
        """
        if not isinstance(value, dict):
            raise MalformedStatusList("status_list is no object")
        bits, text = value.get("bits"), value.get("lst")
        if type(bits) is not int or type(text) is not str:
            raise MalformedStatusList("bits or lst is missing")
        try:
            return cls(bits, _inflated(b64url_decode(text)))
        except MalformedToken:
            raise MalformedStatusList("lst is not base64url") from None


def _inflated(octets: bytes) -> bytes:
    inflating = zlib.decompressobj()
    try:
        inflated = inflating.decompress(octets, MAXIMUM_OCTETS)
    except zlib.error:
        raise MalformedStatusList("lst is not compressed with zlib") from None
    if not inflating.eof or inflating.unused_data:
        raise MalformedStatusList("lst is cut off, too large, or has something behind it")
    return inflated
