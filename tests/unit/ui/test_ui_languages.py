"""Which language a browser gets, and that every sentence is there in it."""

import gettext
import importlib.util
import re
import sys
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.jose.lint_texts import LINTS
from valetkey.ui.jwt_words import JWT_WORDS
from valetkey.ui.languages import TRANSLATED, Language, Languages, load_languages

LANGUAGES = load_languages()
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def chosen(accept_language: str | None = None, ui_locales: str | None = None) -> str:
    return LANGUAGES.chosen(ui_locales=ui_locales, accept_language=accept_language).tag


def tool() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "tools" / "messages.py"
    spec = importlib.util.spec_from_file_location("messages_tool", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["messages_tool"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("fr-CH, fr;q=0.9, de;q=0.8, en;q=0.7", "de"),
        ("en;q=0.2, de;q=0.8", "de"),
        ("de;q=0, en", "en"),
        ("de;q=0", "en"),
        ("fr", "en"),
        ("*", "en"),
        ("de;q=nonsense, en;q=0.1", "en"),
        ("de;q=2, en;q=0.1", "en"),
    ],
)
def test_the_most_wanted_language_that_the_pages_speak_is_chosen(header: str | None, tag: str) -> None:
    assert chosen(header) == tag


def test_ui_locales_outweighs_the_header_of_the_browser() -> None:
    assert chosen("en", "fr-CA de en") == "de"
    assert chosen("de", "fr") == "de"


@given(st.text())
def test_any_header_at_all_ends_in_a_language(header: str) -> None:
    assert chosen(header, header) in {"en", *TRANSLATED}


def test_a_language_knows_in_which_direction_it_is_read() -> None:
    assert Language("ar-EG", gettext.NullTranslations()).direction == "rtl"
    assert Language("de", gettext.NullTranslations()).direction == "ltr"


def test_the_first_language_answers_who_asked_for_none() -> None:
    only = Languages((Language("he", gettext.NullTranslations()),))
    assert only.chosen(ui_locales=None, accept_language="de").tag == "he"


def test_every_sentence_of_the_pages_is_translated() -> None:
    messages = tool()
    paths = messages.catalogue_files()
    assert [path.parent.parent.name for path in paths] == sorted(TRANSLATED)
    for path in paths:
        catalogue = messages.updated(path)
        assert [message.id for message in messages.untranslated(catalogue)] == []


def test_the_compiled_catalogues_are_those_of_the_translators() -> None:
    messages = tool()
    for path in messages.catalogue_files():
        anew = gettext.GNUTranslations(BytesIO(messages.compiled(messages.updated(path))))
        kept = gettext.GNUTranslations(BytesIO(path.with_suffix(".mo").read_bytes()))
        sentences = {key for message in messages.extracted() for key in _keys(message.id)}
        assert sentences
        assert {key: kept.gettext(key) for key in sentences} == {key: anew.gettext(key) for key in sentences}


def test_no_translation_loses_a_value_or_brings_markup() -> None:
    messages = tool()
    for path in messages.catalogue_files():
        for message in messages.updated(path):
            for source, translation in zip(_keys(message.id), _keys(message.string), strict=False):
                # Of "one minute" the number may be a word.
                assert set(PLACEHOLDER.findall(translation)) <= set(PLACEHOLDER.findall(source)) | {"count"}
                if message.id and not isinstance(message.id, tuple):
                    assert set(PLACEHOLDER.findall(source)) == set(PLACEHOLDER.findall(translation))
                    assert not set('<>"') & set(source + translation)


def _keys(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


@pytest.mark.parametrize("tag", TRANSLATED)
def test_what_a_script_fills_into_a_sentence_stands_in_its_translation_too(tag: str) -> None:
    language = next(language for language in LANGUAGES if language.tag == tag)
    for sentences in JWT_WORDS.values():
        for sentence in sentences.values():
            translation = language.catalogue.gettext(sentence)
            assert set(re.findall(r"\{\w+\}", translation)) == set(re.findall(r"\{\w+\}", sentence))


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_lint_of_the_toolkit_is_translated(tag: str) -> None:
    language = next(language for language in LANGUAGES if language.tag == tag)
    same = [row.code for row in LINTS.values() if language.catalogue.gettext(row.sentence) == row.sentence]
    assert same == []
