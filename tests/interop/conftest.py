"""One running development server for all interop tests of a worker, which have browsers of their own."""

from collections.abc import Iterator

import pytest

from support.dev_server import DevServer, running_dev


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """The real program."""
    with running_dev(tmp_path_factory.mktemp("interop") / "state") as running:
        yield running
