"""AuthorizationServer: what an endpoint may use, for the one tenant that the request addressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from valetkey.authorization_server.failed_clients import FailedClients, UncountedFailures
from valetkey.authorization_server.introduction.document import absent_client
from valetkey.authorization_server.key_rotation import KeySchedule
from valetkey.authorization_server.model import Tenant
from valetkey.authorization_server.outbound_ports import Logos
from valetkey.authorization_server.policy import PROFILES, ClientUrlRule, Policy
from valetkey.authorization_server.ports import (
    ClientDocuments,
    EventLog,
    FreshSource,
    OutboundFetch,
    PasswordHasher,
    RemoteKeys,
    SealedSecrets,
    Signer,
    StatusPlaces,
    StatusPublication,
    Stores,
)
from valetkey.authorization_server.revocation.outbox import EventFeed
from valetkey.authorization_server.second_factor import SealedFactorKeys
from valetkey.authorization_server.signals.streams import SealedStreamSecrets, StreamWaiting
from valetkey.authorization_server.tenant_secrets import PairwiseSalt
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import ClientId, GrantType, Issuer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from valetkey.authorization_server.audit import Origin
    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.model import Client

Outcome = TypeVar("Outcome")

ROUNDS: Final = 3
"""How often a lost race is judged again before we say 503."""


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """The ports and the configuration of one tenant."""

    tenant: Tenant
    issuer: Issuer
    policy: Policy
    stores: Stores
    signer: Signer
    statuses: StatusPlaces
    published_statuses: StatusPublication
    event_feed: EventFeed
    stream_waiting: StreamWaiting
    passwords: PasswordHasher
    outbound: OutboundFetch
    logos: Logos
    remote_keys: RemoteKeys
    client_documents: ClientDocuments
    sealed_secrets: SealedSecrets
    sealed_factor_keys: SealedFactorKeys
    sealed_stream_secrets: SealedStreamSecrets
    pairwise_salt: PairwiseSalt
    fresh: FreshSource
    log: EventLog
    failed_clients: FailedClients = field(default_factory=UncountedFailures)
    key_schedule: KeySchedule = field(default_factory=KeySchedule)
    ui_locales: tuple[str, ...] = ()
    """The languages that the pages are in (BCP 47), the first for whoever reads none of them."""
    further_grants: Mapping[GrantType, Any] = field(default_factory=dict)
    """Grants of others, as `grant_table` keeps them beside ours."""

    def policy_for(self, client: Client) -> Policy:
        """Return the profile that judges this client: its own, else the tenant's."""
        return PROFILES[client.profile] if client.profile is not None else self.policy

    def may_introduce_itself(self, client_id: ClientId) -> bool:
        """Say whether `client_id` is the URL of a document that may be read, where nobody registered it."""
        is_read = self.policy.client_urls is ClientUrlRule.READ
        return is_read and client_id.startswith("https://") and self.client_documents.is_possible(client_id)

    async def find_client(self, client_id: ClientId) -> Client | None:
        """Return a client by which something is judged that it holds already; no document is fetched for it."""
        stored = await self.stores.clients.find(client_id)
        if stored is not None or not self.may_introduce_itself(client_id):
            return stored
        return absent_client(client_id, self.client_documents.known(client_id))

    @property
    def cookie_prefix(self) -> str:
        """`__Host-` over https; nothing over loopback http, where browsers refuse the prefix."""
        return "__Host-" if self.issuer.url.startswith("https:") else ""


async def commit_in_rounds(
    server: AuthorizationServer,
    attempt: Callable[[], Awaitable[tuple[Outcome, Changes]]],
    origin: Origin | None = None,
) -> Outcome:
    """Load, decide and commit until a round wins; raises Unavailable after three lost ones.

    `attempt` loads the facts anew and decides: a race is judged by the very rule that judges a replay. The audit
    trail says that `origin` made its changes.
    """
    for _ in range(ROUNDS):
        outcome, changes = await attempt()
        if await server.stores.commit(changes, origin):
            return outcome
    raise Unavailable("the store: three commits in a row lost their race,")
