"""Protocol Buffers on the wire, as far as a contract speaks them (proto3: numbers and delimited fields)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARINT: Final = 0
_FIXED_64: Final = 1
_DELIMITED: Final = 2
_FIXED_32: Final = 5
_MOST_VARINT_OCTETS: Final = 10
_VARINT_MASK: Final = (1 << 64) - 1


class MalformedMessage(ValueError):
    """Octets are no message, or say twice what is said once; the text is fixed."""


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the delimited fields of a message, in order: number and octets; numbers are passed over.

    Raises MalformedMessage where the octets end early, or hold a group.
    """
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
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


def only(message: bytes, *path: int) -> bytes:
    """Return the one field at a path of numbers, b"" where it is absent; raises MalformedMessage for two."""
    for number in path:
        found = [octets for each, octets in fields(message) if each == number]
        if len(found) > 1:
            raise MalformedMessage("a field that is said once is said twice")
        if not found:
            return b""
        message = found[0]
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
    value = shift = 0
    for octet in message[position : position + _MOST_VARINT_OCTETS]:
        position += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:  # noqa: PLR2004 - the highest bit says that more follows
            return value & _VARINT_MASK, position
        shift += 7
    raise MalformedMessage("a number does not end")


def _written(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits an octet
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)
