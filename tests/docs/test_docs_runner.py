"""The runner of examples finds what a page promises and does not keep: judged by small pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documents.console_blocks import programs
from support.documents.markdown import parse_page
from support.documents.python_blocks import matches
from support.documents.running import broken_links, faults_of


def faults(text: str, folder: Path) -> list[str]:
    return list(faults_of(parse_page(Path("page.md"), text), folder))


@pytest.mark.parametrize(
    "text",
    [
        "```python\nx = 1\n```\n\nAnd:\n\n```python\nassert x == 1\n```\n",
        "```python\nimport asyncio\nawait asyncio.sleep(0)\n(await asyncio.sleep(0, 'late'))  # -> late\n```\n",
        "```python\n{'a': [1, 2]}  # -> {'a': ...}\nint('x')  # raises ValueError\n```\n",
        "```python\nprint('one')\nprint('two')\n```\n\n<!-- output -->\n```text\none\n...\n```\n",
        "1. In a list\n\n   ```python\n   if True:\n       y = 2\n   ```\n",
        "```python\nfrom dataclasses import dataclass\n@dataclass(slots=True)\nclass A:\n    b: 'int'\n```\n",
        "```console\n$ echo hello \\\n    world\nhello world\n$ false\n$ echo $?\n1\n```\n",
        "```console\n$ X=1\n```\n\n```console\n$ echo $X\n1\n```\n",
        "```console\n$ cat | head -1\n$ echo quiet > file.txt\n$ cat < file.txt\nqu...\n```\n",
        "<!-- file: a/b.json -->\n```json\n{}\n```\n```console\n$ cat a/b.json\n{}\n```\n",
        "<!-- not run: it would format your disk -->\n```console\n$ mkfs\n```\n",
        "<!-- lines of LICENSE -->\n```text\nApache License\n```\n",
        "<!-- run column: new -->\n| old | new |\n| --- | --- |\n| `nonsense(` | `z = 3` then `assert z == 3` |\n",
        "```console\n$ valetkey --help\nUsage: ...\n```\n",
    ],
)
def test_a_page_that_keeps_its_promises_passes(text: str, tmp_path: Path) -> None:
    assert faults(text, tmp_path) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x\n\n```python\nx = 1\nassert x == 2\n```\n", "page.md:5: AssertionError"),
        ("```python\n1 + 1  # -> 3\n```\n", "page.md:2: shown is 3, and it is 2"),
        ("```python\nx = 1  # -> 1\n```\n", "only the value of an expression"),
        ("```python\nint('1')  # raises ValueError\n```\n", "does not raise ValueError"),
        ("```python\nint('x')  # raises KeyError\n```\n", "ValueError: invalid literal"),
        ("```python\nx = = 1\n```\n", "page.md:2: invalid syntax"),
        ("```python\nprint('one')\n```\n<!-- output -->\n```text\ntwo\n```\n", "printed:\none"),
        ("```console\n$ echo one\ntwo\n```\n", "printed:\none"),
        ("```console\n$ cat nothing\n```\n", "ended with 1"),
        ("```console\n$ docker ps\n```\n", "calls docker"),
        ("```console\noutput without command\n```\n", "begins with a command"),
        ("```json\n{]\n```\n", "no json"),
        ("```toml\n= 1\n```\n", "no toml"),
        ("```cobol\nSTOP RUN.\n```\n", "unknown language 'cobol'"),
        ("```\nno language\n```\n", "unknown language ''"),
        ("<!-- not run: because -->\n\nno block\n", "stands above no block"),
        ("<!-- lines of LICENSE -->\n```text\nMIT License\n```\n", "no lines of LICENSE"),
        ("<!-- lines of NO.md -->\n```text\nx\n```\n", "there is no file NO.md"),
        (
            "<!-- run column: new -->\n| old | new |\n| --- | --- |\n| x | `1 / 0` |\n",
            "page.md:4: ZeroDivisionError",
        ),
        ("<!-- run column: newest -->\n| old | new |\n| --- | --- |\n| x | y |\n", "no column 'newest'"),
        ("<!-- stage: moon -->\n", "no stage 'moon'"),
    ],
)
def test_a_promise_that_is_not_kept_is_found(text: str, words: str, tmp_path: Path) -> None:
    found = faults(text, tmp_path)
    assert len(found) == 1
    assert words in found[0]


def test_three_dots_stand_for_anything_and_nothing_else_does() -> None:
    assert matches("a ... d", "a b\nc d")
    assert matches("a\n", "\na  \n")
    assert not matches("a.c", "abc")
    assert not matches("a", "a b")


def test_the_programs_of_a_command_line_are_found() -> None:
    assert programs("X=1 valetkey jwt sign --claim a=b | cat > file && echo done; (cd /; ls)") == {
        "valetkey", "cat", "echo", "cd", "ls",
    }  # fmt: skip
    assert programs('TOKEN=$(valetkey jwt sign --claim "a|b") # | rm') == {"valetkey"}


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    there = tmp_path / "there.md"
    there.write_text("# A `code` heading, twice\n")
    anchors = {there: parse_page(there, there.read_text()).anchors}
    text = "[a](there.md) [b](there.md#a-code-heading-twice) [c](https://x.example) `[d](no)`\n"
    assert list(broken_links(parse_page(tmp_path / "page.md", text), anchors)) == []
    text = "[a](nowhere.md)\n[b](there.md#another)\n![c](no.png)\n"
    assert len(list(broken_links(parse_page(tmp_path / "page.md", text), anchors))) == 3
