"""The packaged static files under names that carry their hash, so that a browser may keep them for good."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass
from valetkey.ui.accent import Colour, accent_stylesheet

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

FOLDER: Final = "/assets/"

_MEDIA_TYPES: Final = MappingProxyType(
    {
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    }
)
_PACKAGED: Final = (
    "valetkey.css",
    "valetkey.js",
    "signed_out.js",
    "check_session.js",
    "icons.svg",
    "favicon.svg",
    "jwt.css",
)
_MODULES: Final = ("jwt",)
"""Folders of scripts that import each other by `./`: each stands under one hash of all its scripts."""
_RULE: Final = Colour.parse("#2454d6")


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file: `path` is relative to the issuer, `etag` is quoted as on the wire."""

    path: str
    media_type: str
    etag: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which asset stands behind which packaged name, and where accent style sheets stand."""

    assets: Mapping[str, Asset]
    accent_path: str
    """It changes with the rule by which accents are made readable."""

    def path(self, name: str) -> str:
        """Return the path of a packaged file, relative to the issuer; raises KeyError for an unknown one."""
        return self.assets[name].path

    def accent(self, colour: Colour) -> str:
        """Return the path and query of the style sheet of an accent, relative to the issuer."""
        return f"{self.accent_path}?v={colour.digits}"


@cache
def load_manifest() -> Manifest:
    """Return the manifest, computed from the packaged files."""
    folder = files("valetkey.ui").joinpath("static")
    assets = {name: _asset(name, folder.joinpath(name).read_bytes()) for name in _PACKAGED}
    for name in _MODULES:
        assets |= _modules(name, folder.joinpath(name))
    rule = _digest(accent_stylesheet(_RULE).encode())
    return Manifest(MappingProxyType(assets), f"{FOLDER}accent-{rule}.css")


def media_type(suffix: str) -> str:
    """Return the Content-Type of a file whose name ends in `.suffix`."""
    return _MEDIA_TYPES[suffix]


def _asset(name: str, content: bytes) -> Asset:
    stem, _, suffix = name.rpartition(".")
    digest = _digest(content)
    return Asset(f"{FOLDER}{stem}-{digest}.{suffix}", media_type(suffix), f'"{digest}"', content)


def _modules(name: str, folder: Traversable) -> dict[str, Asset]:
    scripts = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".js")}
    whole = _digest(b"\0".join(file.encode() + b"\0" + scripts[file] for file in sorted(scripts)))
    return {
        f"{name}/{file}": Asset(
            f"{FOLDER}{name}-{whole}/{file}", media_type("js"), f'"{_digest(content)}"', content
        )
        for file, content in sorted(scripts.items())
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
