"""What every test may ask for: the event loop that the server itself uses."""

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and no more.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio only: it is the one loop that Valetkey serves on."""
    return "asyncio"
