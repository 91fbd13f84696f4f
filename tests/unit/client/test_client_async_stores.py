"""Token stores that live on an event loop: awaited by an asynchronous client, refused by a synchronous one."""

import pytest

from valetkey.client import AsyncOAuthClient, AsyncTokenStore, OAuthClient, StoreFailed
from valetkey.client.flow import Load, Swap


class LoopStore:
    """A document on an event loop."""

    def __init__(self) -> None:
        self.document: bytes | None = None

    async def load_async(self) -> bytes | None:
        return self.document

    async def swap_async(self, expected: bytes | None, document: bytes) -> bool:
        if self.document != expected:
            return False
        self.document = document
        return True


async def test_an_asynchronous_client_awaits_the_store() -> None:
    store: AsyncTokenStore = LoopStore()
    async with AsyncOAuthClient("https://as.example", "web") as client:
        assert await client._done(Load(store)) is None
        assert await client._done(Swap(store, None, b"one")) is True
        assert await client._done(Swap(store, None, b"two")) is False
        assert await client._done(Load(store)) == b"one"


def test_a_synchronous_client_refuses_it_in_words() -> None:
    store = LoopStore()
    with OAuthClient("https://as.example", "web") as client:
        for effect in (Load(store), Swap(store, None, b"one")):
            with pytest.raises(StoreFailed):
                client._done(effect)
