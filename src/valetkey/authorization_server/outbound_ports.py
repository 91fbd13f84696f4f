"""What the core needs from addresses outside: documents, published keys, and clients that introduce themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from valetkey.authorization_server.logo import Logo
    from valetkey.authorization_server.outbound import FetchedDocument, FetchRules, Lane, OutboundBody
    from valetkey.jose import JwkSet
    from valetkey.oauth.client_metadata import ClientMetadata
    from valetkey.oauth.types import NumericDate


class OutboundFetch(Protocol):
    """The one guarded way to addresses outside; raises `Unfetchable`, whose reason only the log is told."""

    async def get(self, url: str, asked: FetchRules) -> FetchedDocument:
        """Return a document that came with 200 and one of the media types; or a 304 where an etag was sent."""
        ...

    async def post(self, url: str, body: OutboundBody, asked: FetchRules) -> FetchedDocument:
        """Return the answer to `body`, with any status that leads nowhere else."""
        ...

    def is_blocked(self, url: str) -> bool:
        """Say whether the operator forbids `url`, or whether it is none that could be asked for."""
        ...

    def is_opened(self, host: str) -> bool:
        """Say whether the operator named `host`, in lower case, as one of their own network."""
        ...


class RemoteKeys(Protocol):
    """Keys that somebody else publishes, kept as long as their source lets them be."""

    async def find(self, jwks_uri: str, kid: str | None, lane: Lane = ...) -> JwkSet:
        """Return the keys of a URL, fetched anew for a `kid` that is not among them.

        Raises `valetkey.jose.KeySourceUnavailable` when the source is down, slow or hostile.
        """
        ...


class Logos(Protocol):
    """Images by which people recognise clients, fetched by the server and kept for a while."""

    def is_known(self, uri: str, now: NumericDate) -> bool:
        """Say whether `find` need not fetch."""
        ...

    async def find(self, uri: str, lane: Lane, now: NumericDate) -> Logo | None:
        """Return the image at an address; None where there is none that may be shown."""
        ...


class ClientDocuments(Protocol):
    """Documents in which clients introduce themselves, each at the URL that is its client_id."""

    def is_possible(self, url: str) -> bool:
        """Say whether `url` has the form of a client id, and is not blocked."""
        ...

    def is_fresh(self, url: str, now: NumericDate) -> bool:
        """Say whether `find` need not fetch the document."""
        ...

    def known(self, url: str) -> ClientMetadata | None:
        """Return what was read last, however long ago, without fetching anything."""
        ...

    def name_origin(self, origin: str) -> bool:
        """Say whether a document that was read names a redirect URI of that origin."""
        ...

    def forget(self, url: str) -> None:
        """Keep nothing of a document that turned out to make no client."""
        ...

    async def find(self, url: str, now: NumericDate) -> ClientMetadata:
        """Return what the document says; raises `Unfetchable` or `UnfitDocument`."""
        ...
