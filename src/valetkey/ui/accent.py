"""The accent colour of a tenant, made readable whatever colour its operator picks (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from typing import Final, Self

from valetkey.jose.records import dataclass

TEXT_CONTRAST: Final = 4.5
"""The least contrast of text (WCAG 1.4.3)."""
PART_CONTRAST: Final = 3.0
"""The least contrast of a control's boundary (WCAG 1.4.11)."""

_STEPS: Final = 100
_HOVER: Final = 12
_SPELLING: Final = re.compile(r"#?([0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class Colour:
    """An opaque sRGB colour, its parts from 0 to 255."""

    red: int
    green: int
    blue: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the colour that `#rrggbb` or `rrggbb` spells; raises ValueError for anything else."""
        found = _SPELLING.fullmatch(text)
        if found is None:
            raise ValueError("a colour is spelled #rrggbb")
        return cls(*bytes.fromhex(found[1]))

    @property
    def digits(self) -> str:
        """The six lower-case hexadecimal digits."""
        return bytes((self.red, self.green, self.blue)).hex()

    @property
    def luminance(self) -> float:
        """The relative luminance, from 0 to 1 (WCAG 2.2, "relative luminance")."""
        red, green, blue = (_linear(part / 255) for part in (self.red, self.green, self.blue))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(self, other: Colour) -> float:
        """Return the contrast ratio of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
        darker, lighter = sorted((self.luminance, other.luminance))
        return (lighter + 0.05) / (darker + 0.05)

    def mixed(self, other: Colour, percent: int) -> Colour:
        """Return this colour with `percent` parts of a hundred of the other."""
        own, theirs = (self.red, self.green, self.blue), (other.red, other.green, other.blue)
        return Colour(*(round((a * (100 - percent) + b * percent) / 100) for a, b in zip(own, theirs, strict=True)))

    def readable_on(self, grounds: tuple[Colour, ...], contrast: float) -> Colour:
        """Return the nearest shade of this colour that has `contrast` to each ground.

        The grounds are all light or all dark, so black or white always ends the search.
        """
        away = BLACK if grounds[0].luminance > MIDDLE else WHITE
        for percent in range(_STEPS):
            shade = self.mixed(away, percent)
            if all(shade.contrast(ground) >= contrast for ground in grounds):
                return shade
        return away

    def __str__(self) -> str:
        return f"#{self.digits}"


BLACK: Final = Colour(0, 0, 0)
WHITE: Final = Colour(255, 255, 255)
MIDDLE: Final = 0.179
"""The luminance to which black and white have the same contrast: about 4.58, so one of them always reads."""

LIGHT_GROUNDS: Final = (Colour.parse("#ffffff"), Colour.parse("#f5f6f8"))
"""Surface and background of the light style sheet; a test holds them equal to it."""
DARK_GROUNDS: Final = (Colour.parse("#191d24"), Colour.parse("#101318"))


@dataclass(frozen=True, slots=True)
class Shades:
    """What the style sheet needs of an accent in one colour scheme."""

    fill: Colour
    """Behind the text of the main button."""
    hover: Colour
    text: Colour
    """On `fill` and on `hover`."""
    ink: Colour
    """Links, icons and the focus ring, on surface and background."""

    @classmethod
    def of(cls, accent: Colour, grounds: tuple[Colour, ...]) -> Self:
        """Return the shades of an accent on these grounds."""
        fill = accent.readable_on(grounds, PART_CONTRAST)
        text = WHITE if fill.contrast(WHITE) >= TEXT_CONTRAST else BLACK
        hover = fill.mixed(BLACK if text == WHITE else WHITE, _HOVER)
        return cls(fill, hover, text, accent.readable_on(grounds, TEXT_CONTRAST))

    @property
    def declarations(self) -> str:
        """The custom properties as CSS."""
        return (
            f"--accent:{self.fill};--accent-hover:{self.hover};--accent-text:{self.text};"
            f"--accent-ink:{self.ink};--focus:{self.ink}"
        )


def accent_stylesheet(accent: Colour) -> str:
    """Return the style sheet that gives pages this accent, in the light and in the dark scheme."""
    light = Shades.of(accent, LIGHT_GROUNDS).declarations
    dark = Shades.of(accent, DARK_GROUNDS).declarations
    return f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - IEC 61966-2-1
