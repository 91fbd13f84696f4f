"""Whatever colour an operator picks, what is written with it can be read."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import valetkey.ui
from valetkey.ui.accent import (
    BLACK,
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    PART_CONTRAST,
    TEXT_CONTRAST,
    WHITE,
    Colour,
    Shades,
    accent_stylesheet,
)

STYLESHEET = (Path(valetkey.ui.__file__).parent / "static" / "valetkey.css").read_text()
LIGHT, DARK = STYLESHEET.split("prefers-color-scheme: dark", maxsplit=1)
SCHEMES = {"light": (LIGHT, LIGHT_GROUNDS), "dark": (DARK, DARK_GROUNDS)}

parts = st.integers(min_value=0, max_value=255)
colours = st.builds(Colour, parts, parts, parts)
grounds = st.sampled_from([LIGHT_GROUNDS, DARK_GROUNDS])


def declared(sheet: str, name: str) -> Colour:
    found = re.search(rf"--{name}: (#[0-9a-f]{{6}});", sheet)
    assert found, name
    return Colour.parse(found[1])


def test_contrast_is_the_ratio_of_wcag() -> None:
    assert BLACK.contrast(WHITE) == pytest.approx(21)
    assert Colour.parse("#767676").contrast(WHITE) == pytest.approx(4.54, abs=0.01)
    assert WHITE.contrast(WHITE) == 1


@given(colours, grounds)
def test_text_on_the_main_button_has_aa_contrast_also_under_the_pointer(
    accent: Colour, on: tuple[Colour, ...]
) -> None:
    shades = Shades.of(accent, on)
    assert shades.text.contrast(shades.fill) >= TEXT_CONTRAST
    assert shades.text.contrast(shades.hover) >= TEXT_CONTRAST


@given(colours, grounds)
def test_the_main_button_and_links_stand_out_from_surface_and_background(
    accent: Colour, on: tuple[Colour, ...]
) -> None:
    shades = Shades.of(accent, on)
    assert all(shades.fill.contrast(ground) >= PART_CONTRAST for ground in on)
    assert all(shades.ink.contrast(ground) >= TEXT_CONTRAST for ground in on)


def test_an_accent_that_reads_well_stays_as_the_operator_picked_it() -> None:
    accent = Colour.parse("#2454d6")
    assert Shades.of(accent, LIGHT_GROUNDS).fill == accent
    assert Shades.of(accent, LIGHT_GROUNDS).ink == accent


def test_the_accent_style_sheet_speaks_for_both_schemes() -> None:
    sheet = accent_stylesheet(Colour.parse("#ffd400"))
    assert sheet.count("--accent:") == 2
    assert "@media (prefers-color-scheme:dark)" in sheet


@given(colours)
def test_a_colour_reads_back_as_it_was_written(colour: Colour) -> None:
    assert Colour.parse(str(colour)) == colour
    assert Colour.parse(colour.digits.upper()) == colour


@pytest.mark.parametrize("text", ["", "#fff", "#12345", "#1234567", "red", "#12345g", "#2454d6;}", "#2454d6\n"])
def test_what_is_not_six_digits_is_no_colour(text: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        Colour.parse(text)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_grounds_of_the_rule_are_those_of_the_style_sheet(scheme: str) -> None:
    sheet, on = SCHEMES[scheme]
    assert (declared(sheet, "surface"), declared(sheet, "background")) == on


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("name", "contrast"),
    [
        ("text", 7),
        ("text-quiet", TEXT_CONTRAST),
        ("danger", TEXT_CONTRAST),
        ("success", TEXT_CONTRAST),
        ("accent-ink", TEXT_CONTRAST),
        ("control-line", PART_CONTRAST),
        ("focus", PART_CONTRAST),
    ],
)
def test_the_colours_of_the_style_sheet_have_aa_contrast(scheme: str, name: str, contrast: float) -> None:
    sheet, on = SCHEMES[scheme]
    colour = declared(sheet, name)
    assert all(colour.contrast(ground) >= contrast for ground in on)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_style_sheet_alone_gives_the_default_accent(scheme: str) -> None:
    sheet, on = SCHEMES[scheme]
    shades = Shades.of(Colour.parse("#2454d6"), on)
    names = ("accent", "accent-hover", "accent-text", "accent-ink", "focus")
    expected = (shades.fill, shades.hover, shades.text, shades.ink, shades.ink)
    assert tuple(declared(sheet, name) for name in names) == expected
