"""The languages of the pages: gettext catalogues, and which one a browser asked for (RFC 4647, 3.4)."""

from __future__ import annotations

import gettext
from dataclasses import field
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

DOMAIN: Final = "valetkey"
SOURCE_LANGUAGE: Final = "en"
"""The msgids are English sentences."""
TRANSLATED: Final = ("de",)

_RIGHT_TO_LEFT: Final = frozenset({"ar", "dv", "fa", "he", "ps", "ur", "yi"})
_MAXIMUM_RANGES: Final = 20


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the pages speak: its tag (BCP 47) and its catalogue."""

    tag: str
    catalogue: gettext.NullTranslations = field(repr=False)

    @property
    def direction(self) -> str:
        """The value of the `dir` attribute."""
        return "rtl" if self.tag.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"


class Languages:
    """All languages of the pages; the first one answers who asked for none of them."""

    def __init__(self, languages: tuple[Language, ...]) -> None:
        self._first = languages[0]
        self._by_tag = {language.tag.lower(): language for language in languages}

    def chosen(self, *, ui_locales: str | None, accept_language: str | None) -> Language:
        """Return the language that fits best: by `ui_locales` first, then by the `Accept-Language` header."""
        for wish in (*_spaced(ui_locales), *_weighted(accept_language)):
            found = self._lookup(wish)
            if found is not None:
                return found
        return self._first

    def __iter__(self) -> Iterator[Language]:
        return iter(self._by_tag.values())

    def _lookup(self, wish: str) -> Language | None:
        if wish == "*":
            return self._first
        parts = wish.lower().split("-")
        while parts:
            found = self._by_tag.get("-".join(parts))
            if found is not None:
                return found
            parts.pop()
        return None


def load_languages() -> Languages:
    """Return the languages that the package holds, read from its compiled catalogues."""
    translated = (Language(tag, _catalogue(tag)) for tag in TRANSLATED)
    return Languages((Language(SOURCE_LANGUAGE, gettext.NullTranslations()), *translated))


def _catalogue(tag: str) -> gettext.NullTranslations:
    folder = files("valetkey.ui").joinpath("locales", tag, "LC_MESSAGES")
    with folder.joinpath(f"{DOMAIN}.mo").open("rb") as compiled:
        return gettext.GNUTranslations(compiled)


def _spaced(text: str | None) -> list[str]:
    return (text or "").split()[:_MAXIMUM_RANGES]


def _weighted(header: str | None) -> list[str]:
    """The ranges of an `Accept-Language` header that are wanted at all, the most wanted first."""
    wishes: list[tuple[float, str]] = []
    for item in (header or "").split(",")[:_MAXIMUM_RANGES]:
        tag, _, parameter = item.strip().partition(";")
        weight = _weight(parameter)
        if tag and weight > 0:
            wishes.append((weight, tag.strip()))
    return [tag for _, tag in sorted(wishes, key=lambda wish: -wish[0])]


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if name == "q" and 0 <= weight <= 1 else 0.0
