"""Which octets are an image that a page of ours may show."""

import struct
import zlib

import pytest

from valetkey.authorization_server.logo import MOST_OCTETS, MOST_PIXELS, UnfitLogo, parse_logo


def png(width: int = 32, height: int = 32, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of one colour."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\x00" + b"\x24\x54\xd6" * width for _ in range(min(height, 64))))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def jpeg(width: int = 32, height: int = 32, marker: int = 0xC0) -> bytes:
    """Return the beginning of a JPEG: its application segment, a fill byte and its frame header."""
    segment = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    frame = struct.pack(">BBHBHH", 0xFF, marker, 11, 8, height, width) + b"\x01\x01\x11\x00"
    return b"\xff\xd8" + segment + b"\xff" + frame + b"\xff\xd9"


def webp(chunk: bytes, body: bytes) -> bytes:
    """Return a WebP of one chunk."""
    inner = b"WEBP" + chunk + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def lossy(width: int, height: int) -> bytes:
    return webp(b"VP8 ", b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(8))


def lossless(width: int, height: int) -> bytes:
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(8))


def extended(width: int, height: int, further: bytes = b"") -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", bytes(4) + size + bytes(8) + further)


@pytest.mark.parametrize(
    ("octets", "media_type"),
    [
        (png(), "image/png"),
        (png(MOST_PIXELS, 1), "image/png"),
        (jpeg(), "image/jpeg"),
        (jpeg(marker=0xC2), "image/jpeg"),
        (lossy(64, 32), "image/webp"),
        (lossless(64, 2_048), "image/webp"),
        (extended(2_048, 64), "image/webp"),
    ],
)
def test_an_image_is_what_its_octets_say(octets: bytes, media_type: str) -> None:
    found = parse_logo(octets)
    assert (found.media_type, found.octets) == (media_type, octets)
    assert repr(octets[:8])[2:-1] not in repr(found)


# covers: CON-08
@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<!doctype html><script>alert(1)</script>",
        b"GIF89a" + bytes(40),
        b"\x00\x00\x01\x00" + bytes(40),
        b"BM" + bytes(60),
        b"\x89PNG\r\n\x1a\n" + bytes(40),
        png()[:20],
        png() + bytes(MOST_OCTETS),
        png(MOST_PIXELS + 1, 1),
        png(1, 60_000),
        png(0, 32),
        png(32, 32, (b"acTL", struct.pack(">II", 2, 0))),
        jpeg(60_000, 60_000),
        jpeg(0, 32),
        b"\xff\xd8\xff",
        b"\xff\xd8" + b"\xff\xe0\x00\x00" * 9,
        jpeg(marker=0xC4),
        lossy(5_000, 32),
        lossless(16_384, 32),
        extended(2**24, 32),
        extended(32, 32, b"ANIM" + bytes(8)),
        webp(b"VP8 ", bytes(18)),
        webp(b"EXIF", bytes(18)),
        b"RIFF\x00\x00\x00\x00WEBP",
    ],
    ids=lambda octets: str(octets[:30]),
)
def test_anything_else_is_none_that_a_page_shows(octets: bytes) -> None:
    with pytest.raises(UnfitLogo):
        parse_logo(octets)
