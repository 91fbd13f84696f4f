"""Budgets of attempts: what may be tried at once, and how soon again; kept in the store, not in a process."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.decision import CountAttempt
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.ports import Stores
    from valetkey.oauth.types import NumericDate

_IPV6_SITE: Final = 64


@dataclass(frozen=True, slots=True)
class Budget:
    """Attempts that `key` has: `burst` at once, one more every `interval` seconds."""

    key: str
    interval: int
    burst: int


def counted(budgets: tuple[Budget, ...], now: NumericDate) -> Changes:
    """Return the changes that take an attempt from every budget; they are committed before anything is tried."""
    return tuple(CountAttempt(budget.key, budget.interval, budget.burst, now) for budget in budgets)


async def wait_for(budgets: tuple[Budget, ...], stores: Stores, now: NumericDate) -> int:
    """Return the seconds until every budget allows another attempt."""
    waits = [await stores.attempts.wait(one.key, one.interval, one.burst, now) for one in budgets]
    return max(waits, default=0)


def network_of(address: str) -> str:
    """Return whose attempts those of an address are: whoever has an IPv6 address has 2**64 of them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _IPV6_SITE), strict=False))
    return str(parsed)
