"""Every relative link and image of a page leads somewhere, and what the pages quote is what the code says."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from valetkey.authorization_server.client_authentication import METHODS
from valetkey.authorization_server.grants import GRANTS
from valetkey.authorization_server.routes import ROUTES

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for folder, pattern in ((ROOT, "*.md"), (ROOT / "docs", "**/*.md")) for path in folder.glob(pattern)
)
FENCED = re.compile(r"^(?P<fence>```+|~~~+).*?^(?P=fence)\s*$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|#")


def targets(text: str) -> Iterator[str]:
    """Every link and image of a page that stays in the repository, in prose: what code shows is no link."""
    prose = SPAN.sub("", FENCED.sub("", text))
    yield from (target for target in LINK.findall(prose) if not ELSEWHERE.match(target))


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    names = {target: target.partition("#")[0] for target in targets(page.read_text("utf-8"))}
    return [target for target, name in names.items() if not (page.parent / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_and_image_of_a_page_exists(page: Path) -> None:
    assert broken(page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_of_the_site_links_nothing_outside_of_it(page: Path) -> None:
    site = ROOT / "docs"
    if site in page.parents:
        found = {target: (page.parent / target).resolve() for target in targets(page.read_text("utf-8"))}
        assert [target for target, path in found.items() if site not in path.parents] == []


def test_a_link_to_a_page_or_an_image_that_is_gone_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Other\n\n## What it costs\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](gone.md) [b](other.md#what-it-costs) `[d](code.md)` ![e](gone.png)\n```text\n[f](no)\n```\n"
    )
    assert broken(page) == ["gone.md", "gone.png"]


def test_every_page_of_the_site_is_in_its_navigation_or_linked_from_one_that_is() -> None:
    site = ROOT / "docs"
    config = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))
    reached = {site / name for name in _pages(config["project"]["nav"])}
    assert [page for page in reached if not page.exists()] == []
    for page in list(reached):
        names = [target.partition("#")[0] for target in targets(page.read_text("utf-8"))]
        reached.update((page.parent / name).resolve() for name in names)
    assert {page.relative_to(site).as_posix() for page in set(site.glob("**/*.md")) - reached} == set()


def _pages(nav: object) -> Iterator[str]:
    match nav:
        case str(name):
            yield name
        case list(entries):
            for entry in entries:
                yield from _pages(entry)
        case dict(entry):
            for inner in entry.values():
                yield from _pages(inner)
        case _:
            raise TypeError(nav)


def test_the_guard_of_the_readme_is_that_of_the_demo_api() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    demo = (ROOT / "src/valetkey/cli/demo_api.py").read_text("utf-8")
    section = readme.partition("## Guard an API in three lines")[2]
    shown = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)[0]

    lines = [line.strip() for line in shown.splitlines() if line.strip()]

    assert '@guard.requires("albums.read")' in lines
    assert len(lines) >= 3
    assert [line for line in lines if line not in {its.strip() for its in demo.splitlines()}] == []


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = set(re.findall(r"^\$ make (\w+)", readme, re.MULTILINE))
    assert commands == {"dev", "test"}
    assert commands <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def _row(table: str, part: str) -> str:
    readme = (ROOT / "README.md").read_text("utf-8")
    return next(line for line in readme.partition(table)[2].splitlines() if line.startswith(f"| {part} |"))


def test_what_the_readme_says_to_work_is_what_the_tables_hold() -> None:
    assert set(re.findall(r"`([\w:-]+)`", _row("| part | today |", "grants"))) == set(GRANTS)
    methods = set(re.findall(r"`(\w+)`", _row("| part | today |", "client authentication")))
    assert methods == {method.value for method in METHODS}


def test_what_the_readme_says_is_not_there_yet_has_no_address() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    missing = set(re.findall(r"`(/\w+)`", readme.partition("| not yet |")[2]))
    assert missing
    assert missing & {route.path for route in ROUTES} == set()
