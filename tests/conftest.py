"""What every test may ask for: the event loop that the server itself uses."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio only: it is the one loop that Valetkey serves on."""
    return "asyncio"
