"""Protocol Buffers on the wire, as far as a contract speaks them (proto3: numbers and delimited fields)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_VARINT: Final = 0
_FIXED_64: Final = 1
_DELIMITED: Final = 2
_FIXED_32: Final = 5
_MOST_VARINT_OCTETS: Final = 10
_VARINT_MASK: Final = (1 << 64) - 1
_CONTINUES: Final = 0x80


class MalformedMessage(ValueError):
    """Octets are no message, or say twice what is said once; the text is fixed."""


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the delimited fields of a message, in order: number and octets; numbers are passed over.

    Raises MalformedMessage where the octets end early, or hold a group.
    """
    position, end = 0, len(message)
    while position < end:
        # Nearly all tags and lengths are one octet: a call for each would be half of the time.
        tag = message[position]
        position += 1
        if tag >= _CONTINUES:
            tag, position = _varint(message, position - 1)
        kind, number = tag & 7, tag >> 3
        if number == 0:
            raise MalformedMessage("a field has the number 0")
        if kind == _DELIMITED:
            length, position = _varint(message, position)
            if length > end - position:
                raise MalformedMessage("a field is longer than its message")
            yield number, message[position : position + length]
            position += length
        elif kind == _VARINT:
            _, position = _varint(message, position)
        elif kind in {_FIXED_64, _FIXED_32}:
            position += 8 if kind == _FIXED_64 else 4
            if position > end:
                raise MalformedMessage("a field is longer than its message")
        else:
            raise MalformedMessage("a field is of a kind that proto3 does not have")


def singles(message: bytes, numbers: Sequence[int]) -> list[bytes | None]:
    """Return the fields of these numbers, None for an absent one; raises MalformedMessage for a repeated one."""
    found: dict[int, bytes] = {}
    for number, octets in fields(message):
        if number in numbers:
            if number in found:
                raise MalformedMessage("a field that is said once is said twice")
            found[number] = octets
    return [found.get(number) for number in numbers]


def only(message: bytes, *path: int) -> bytes:
    """Return the one field at a path of numbers, b"" where it is absent; raises MalformedMessage for two."""
    for number in path:
        message = singles(message, (number,))[0] or b""
    return message


def delimited(number: int, octets: bytes) -> bytes:
    """Return a field that holds a message, octets or a text in UTF-8."""
    return _written(number << 3 | _DELIMITED) + _written(len(octets)) + octets


def text(number: int, value: str) -> bytes:
    """Return a field that holds a text."""
    return delimited(number, value.encode())


def number_field(number: int, value: int) -> bytes:
    """Return a field that holds a number, which is not negative."""
    return _written(number << 3 | _VARINT) + _written(value)


def _varint(message: bytes, position: int) -> tuple[int, int]:
    end = len(message)
    if position < end and (value := message[position]) < _CONTINUES:
        return value, position + 1
    value = shift = 0
    for at in range(position, min(end, position + _MOST_VARINT_OCTETS)):
        octet = message[at]
        value |= (octet & 0x7F) << shift
        if octet < _CONTINUES:
            return value & _VARINT_MASK, at + 1
        shift += 7
    raise MalformedMessage("a number does not end")


def _written(value: int) -> bytes:
    octets = bytearray()
    while value >= _CONTINUES:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)
