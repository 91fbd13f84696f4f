"""Collects the sentences of the pages into the catalogues, and compiles what translators wrote.

`python tools/messages.py` updates `src/valetkey/ui/locales/*/LC_MESSAGES/valetkey.po` from the templates, the
Python sources and the toolkit's lints, then writes the `.mo` beside each. It ends with 1 when a sentence still
wants a translation.
"""

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from valetkey.jose.lint_texts import LINTS

UI = Path(__file__).resolve().parents[1] / "src" / "valetkey" / "ui"
_METHODS = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
_OPTIONS = {"**.html": {"trimmed": "true", "silent": "false"}}
_KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
# Fixed, so that a catalogue changes only when a sentence does.
_DATED = datetime(2026, 1, 1, tzinfo=UTC)


def catalogue_files() -> list[Path]:
    """Return the PO file of every language that the pages are translated into."""
    return sorted(UI.glob("locales/*/LC_MESSAGES/valetkey.po"))


def extracted() -> Catalog:
    """Return a catalogue of every sentence that the pages mark, with where it stands."""
    template = Catalog(project="valetkey", creation_date=_DATED)
    for path, _, message, comments, _ in extract_from_dir(UI, _METHODS, _OPTIONS, _KEYWORDS):
        template.add(message, locations=[(path, 0)], auto_comments=comments)
    # The toolkit speaks English; the token debugger says its sentences in the page's language.
    for lint in LINTS.values():
        template.add(lint.sentence, locations=[("../jose/lint_texts.py", 0)])
    return template


def updated(path: Path) -> Catalog:
    """Return the catalogue of a PO file with the sentences of today: new ones untranslated, old ones gone."""
    with path.open("rb") as stream:
        catalogue = read_po(stream, locale=path.parent.parent.name)
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.creation_date = catalogue.revision_date = _DATED
    catalogue.last_translator = catalogue.language_team = catalogue.msgid_bugs_address = ""
    return catalogue


def written(catalogue: Catalog) -> bytes:
    """Return a catalogue as a PO file."""
    stream = BytesIO()
    write_po(stream, catalogue, width=110, sort_output=False, include_lineno=False)
    return stream.getvalue()


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue as an MO file."""
    stream = BytesIO()
    write_mo(stream, catalogue)
    return stream.getvalue()


def untranslated(catalogue: Catalog) -> list[Message]:
    """Return the sentences that still want a translation."""
    return [message for message in catalogue if message.id and not _is_translated(message)]


def _is_translated(message: Message) -> bool:
    strings = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
    return bool(strings) and all(strings) and not message.fuzzy


def _main() -> int:
    missing = 0
    for path in catalogue_files():
        catalogue = updated(path)
        path.write_bytes(written(catalogue))
        path.with_suffix(".mo").write_bytes(compiled(catalogue))
        for message in untranslated(catalogue):
            print(f"{path.parent.parent.name}: {message.id}", file=sys.stderr)
            missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(_main())
