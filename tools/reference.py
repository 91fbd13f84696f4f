"""Writes the generated pages of docs/reference: each is derived from the table that the code itself reads.

`python tools/reference.py` writes them; `--check` writes nothing and exits with 1 where a page is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools import (  # noqa: E402 - tools is no package that is installed
    reference_cli,
    reference_client,
    reference_endpoints,
    reference_events,
    reference_gateway,
    reference_guard,
    reference_jose,
    reference_profiles,
    reference_settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = Path("docs/reference")
PAGES: Final[dict[str, Callable[[], str]]] = {
    "cli.md": reference_cli.page,
    "client.md": reference_client.page,
    "endpoints.md": reference_endpoints.page,
    "events.md": reference_events.page,
    "gateway.md": reference_gateway.page,
    "guard-file.md": reference_guard.page,
    "jose.md": reference_jose.page,
    "profiles.md": reference_profiles.page,
    "settings.md": reference_settings.page,
}
"""Every generated page of the folder, with what writes it."""


def outdated(root: Path) -> list[str]:
    """Return the names of the pages under `root` that are not what their tables write."""
    folder = root / FOLDER
    return [
        name
        for name, page in PAGES.items()
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != page()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check say which are out of date; the exit code."""
    if "--check" in arguments:
        stale = outdated(ROOT)
        for name in stale:
            print(f"{FOLDER / name} is not up to date: run make docs", file=sys.stderr)
        return 1 if stale else 0
    (ROOT / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (ROOT / FOLDER / name).write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
