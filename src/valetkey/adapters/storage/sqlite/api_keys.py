"""The API keys of one tenant over SQLite."""

from collections.abc import Sequence

from valetkey.adapters.storage.sql import api_keys
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.authorization_server.api_key import ApiKeyQuestion, StoredApiKey
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId, TokenDigest


@dataclass(frozen=True, slots=True)
class SqliteApiKeys:
    """`ApiKeys` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, key_id: str) -> StoredApiKey | None:
        """The key of that id, with the counters of now."""
        return self._one(api_keys.FIND, key_id)

    async def find_by_secret(self, digest: TokenDigest) -> StoredApiKey | None:
        """The key of which that is the digest of a secret, living or not."""
        return self._one(api_keys.FIND_BY_SECRET, digest)

    async def find_by_request(self, digest: TokenDigest) -> StoredApiKey | None:
        """The key that a request with that digest made."""
        return self._one(api_keys.FIND_BY_REQUEST, digest)

    async def page(self, asked: ApiKeyQuestion) -> Sequence[StoredApiKey]:
        """The keys that were asked for, the oldest first."""
        question = (self._tenant, *asked.after, asked.limit)
        if asked.owner is None:
            return api_keys.api_keys(self._engine.rows(api_keys.PAGE, *question))
        return api_keys.api_keys(self._engine.rows(api_keys.PAGE_OF_OWNER, *question, asked.owner))

    def _one(self, question: str, name: str | bytes) -> StoredApiKey | None:
        found = api_keys.api_keys(self._engine.rows(question, self._tenant, name))
        return found[0] if found else None
