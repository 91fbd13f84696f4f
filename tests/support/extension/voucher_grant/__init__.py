"""A voucher, signed by whoever sells them, buys a client one access token (an extension grant, RFC 6749, 4.5)."""

import hashlib
import hmac
from dataclasses import dataclass, field

from valetkey.authorization_server.decision import BurnJti, ClientIssue, Decision, Refuse
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.grants.grant import invalid_grant
from valetkey.authorization_server.model import Client, Generations
from valetkey.authorization_server.policy import Policy
from valetkey.authorization_server.service import AuthorizationServer
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.parameters import Parameters
from valetkey.oauth.types import GrantType, NumericDate, Scope, TokenDigest

SELLERS_KEY = b"the key that only the seller and this server know"
GOOD_FOR_SECONDS = 86_400


def sell(number: str, scope: str) -> str:
    """Return a voucher for a scope, as the seller makes it."""
    signature = hmac.new(SELLERS_KEY, f"{number}.{scope}".encode(), hashlib.sha256).hexdigest()
    return f"{number}.{scope}.{signature}"


@dataclass(frozen=True, slots=True)
class Voucher:
    """What was presented, taken apart; nothing of it is believed yet."""

    number: str
    scope: str
    presented: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VoucherFacts:
    """What decides: whether it was used, the client's counters, and what to name the token's audience."""

    was_used: bool
    generations: Generations
    resources: tuple[str, ...]


class VoucherGrant:
    """A voucher is redeemed, once."""

    grant_type = GrantType("https://vouchers.example/grant")
    parameters = frozenset({"voucher"})
    repeatable: frozenset[str] = frozenset()

    def parse(self, form: Parameters) -> Voucher:
        """Take the voucher apart; raises OAuthError."""
        presented = form.require("voucher", "EXAMPLE/voucher")
        number, _, rest = presented.partition(".")
        return Voucher(number, rest.rpartition(".")[0], presented)

    async def load(
        self, asked: Voucher, client: Client, server: AuthorizationServer, fresh: Fresh, address: str
    ) -> VoucherFacts:
        """Read the facts; nothing is judged here."""
        del address
        digest = TokenDigest(hashlib.sha256(asked.number.encode()).digest())
        return VoucherFacts(
            await server.stores.replay_guard.is_burned("voucher", digest, fresh.now),
            await server.stores.clients.generations(client.client_id),
            client.resources[:1],
        )

    def decide(self, asked: Voucher, facts: VoucherFacts, client: Client, policy: Policy, fresh: Fresh) -> Decision:
        """Judge; the endpoint has authenticated the client, and commits the changes with the token."""
        del policy
        if not hmac.compare_digest(asked.presented.encode(), sell(asked.number, asked.scope).encode()):
            return Refuse(invalid_grant("The voucher is not genuine.", "EXAMPLE/genuine"))
        if facts.was_used:
            return Refuse(invalid_grant("The voucher was used before.", "EXAMPLE/once"))
        try:
            scope = Scope.parse(asked.scope).narrowed_to(client.scope)
        except OAuthError as error:
            return Refuse(error)
        digest = TokenDigest(hashlib.sha256(asked.number.encode()).digest())
        used = BurnJti("voucher", digest, NumericDate(fresh.now + GOOD_FOR_SECONDS), fresh.now)
        return ClientIssue(scope, facts.resources, facts.generations, changes=(used,))
