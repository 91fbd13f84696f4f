"""The world outside in memory: what each URL answers, and what was asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from valetkey.authorization_server.outbound import FetchedDocument, FetchRules, OutboundBody, Unfetchable
from valetkey.jose import JwkSet


@dataclass
class Outside:
    """An OutboundFetch whose answers tests put up; what was never put up is down."""

    answers: dict[str, FetchedDocument | Unfetchable] = field(default_factory=dict)
    asked: list[tuple[str, FetchRules]] = field(default_factory=list)
    posted: list[tuple[str, OutboundBody]] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)

    def publish(self, url: str, document: object, *, media_type: str = "application/json", **headers: str) -> None:
        """Let `url` answer 200 with the JSON of `document`, or with its octets."""
        body = document if isinstance(document, bytes) else msgspec.json.encode(document)
        self.answers[url] = FetchedDocument(200, _headers(media_type, headers), body)

    def publish_keys(self, url: str, keys: JwkSet, **headers: str) -> None:
        """Let `url` answer with the public halves of `keys`."""
        public = JwkSet(tuple(key.public() for key in keys.keys))
        self.publish(url, public.as_dict(), media_type="application/jwk-set+json", **headers)

    def break_off(self, url: str, status: int | None = None) -> None:
        """Let `url` be down, or answer `status`."""
        self.answers[url] = Unfetchable("the test broke it off", status)

    async def get(self, url: str, asked: FetchRules) -> FetchedDocument:
        """Answer as the guarded fetcher does."""
        self.asked.append((url, asked))
        found = self.answers.get(url) or Unfetchable("nothing is there")
        if isinstance(found, Unfetchable):
            raise Unfetchable(found.detail, found.status)
        if len(found.body) > asked.most_octets:
            raise Unfetchable("too long", found.status)
        if not asked.accepts(found.media_type):
            raise Unfetchable("another media type", found.status)
        return found

    async def post(self, url: str, body: OutboundBody, asked: FetchRules) -> FetchedDocument:
        """Keep what was posted, and answer."""
        self.posted.append((url, body))
        self.asked.append((url, asked))
        found = self.answers.get(url) or Unfetchable("nothing is there")
        if isinstance(found, Unfetchable):
            raise Unfetchable(found.detail, found.status)
        return found

    def is_blocked(self, url: str) -> bool:
        """Say what the test forbade."""
        return url in self.blocked

    def is_opened(self, host: str) -> bool:
        """Say that nothing inside was opened."""
        del host
        return False


def _headers(media_type: str, further: Mapping[str, str]) -> dict[str, str]:
    return {"content-type": media_type, **{name.replace("_", "-"): value for name, value in further.items()}}
