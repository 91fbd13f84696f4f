"""User name and password: one answer and one cost for every failure, and budgets that lock nobody out for good."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.acr_levels import PASSWORD
from valetkey.authorization_server.budgets import Budget, counted, network_of, wait_for
from valetkey.authorization_server.decision import ForgiveAttempts
from valetkey.authorization_server.model import EndUser, normalised_username
from valetkey.authorization_server.user_authentication.acr import UserAuthenticationMethod
from valetkey.jose.records import dataclass
from valetkey.oauth.types import SecretText, Subject

if TYPE_CHECKING:
    from valetkey.authorization_server.audit import Origin
    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.model import BrowserId
    from valetkey.authorization_server.ports import PasswordHasher, Stores
    from valetkey.oauth.types import NumericDate

METHOD: Final = UserAuthenticationMethod("password", PASSWORD)
MAXIMUM_PASSWORD_OCTETS: Final = 1_024
MAXIMUM_USERNAME: Final = 256

_NOTHING: Final = SecretText("")


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who somebody says they are; `end_user` is None where nobody is called so."""

    end_user: EndUser | None
    budgets: tuple[Budget, ...]


async def load_claimant(username: str, address: str, browser_id: BrowserId | None, stores: Stores) -> Claimant:
    """Read who `username` names and whose attempts count; the same questions are asked for an unknown one.

    Without a browser, nobody's attempts count for less than a stranger's.
    """
    name = normalised_username(username) if len(username) <= MAXIMUM_USERNAME else ""
    end_user = await stores.end_users.find_by_username(name)
    subject = end_user.subject if end_user is not None else Subject("")
    if browser_id is not None and await stores.browsers.has_known(browser_id, subject):
        return Claimant(end_user, _own_budget(name, browser_id))
    return Claimant(end_user, _shared_budgets(name, address))


async def wait_before(claimant: Claimant, stores: Stores, now: NumericDate, origin: Origin | None) -> int:
    """Take an attempt from every budget and return 0, or the seconds to wait where one is used up.

    It comes before any comparison, wherever a password is asked: guesses are counted, not only failures.
    """
    if await stores.commit(counted(claimant.budgets, now), origin):
        return 0
    return max(1, await wait_for(claimant.budgets, stores, now))


def forgiven(budgets: tuple[Budget, ...]) -> Changes:
    """Return the changes that give attempts back after a success.

    The budget of a source stays: else an account of one's own would buy guesses at all others.
    """
    return tuple(ForgiveAttempts(budget.key) for budget in budgets if not budget.key.startswith(_SOURCE))


async def is_password(typed: str, end_user: EndUser | None, passwords: PasswordHasher) -> bool:
    """Say whether `typed` is the end-user's password, at one cost for nobody, a disabled end-user and any other.

    Raises Unavailable when too many attempts already wait.
    """
    presented = _presented(typed)
    stored = None
    if presented is not None and end_user is not None and not end_user.disabled:
        stored = end_user.password_hash or None
    # Where nothing can match, something is compared all the same: the time must not tell.
    return await passwords.matches(presented or _NOTHING, stored) and stored is not None


def _presented(typed: str) -> SecretText | None:
    """The one form in which a password is compared: Unicode NFC, nothing cut off, no case changed."""
    if not typed or len(typed.encode("utf-8", "surrogatepass")) > MAXIMUM_PASSWORD_OCTETS:
        return None
    return SecretText(unicodedata.normalize("NFC", typed))


_ACCOUNT: Final = "login:account:"
_SOURCE: Final = "login:source:"
_BROWSER: Final = "login:browser:"


def _own_budget(name: str, browser_id: BrowserId) -> tuple[Budget, ...]:
    # A browser in which this end-user signed in before: whatever strangers do elsewhere, it is not locked out.
    return (Budget(f"{_BROWSER}{browser_id}:{_digest(name)}", interval=30, burst=10),)


def _shared_budgets(name: str, address: str) -> tuple[Budget, ...]:
    return (
        Budget(_ACCOUNT + _digest(name), interval=120, burst=10),
        Budget(_SOURCE + network_of(address), interval=4, burst=200),
    )


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
