"""The decision service: what a proxy asks is judged by the policy, and who passes is named to the API behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.gateway.contracts.headers import ASSERTION, CLIENT, SCOPE, SUBJECT, is_visible
from valetkey.resource_server.decision import Allow, Decision, Headers, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.gateway.assertion import AssertionSigner
    from valetkey.oauth.access_token import AccessToken
    from valetkey.resource_server.policy_guard import PolicyGuard
    from valetkey.resource_server.request import RequestView

_BROKEN: Final = unavailable("The request cannot be judged at the moment; try again.")


class DecisionService:
    """Judges requests for every contract alike; a fault of ours is an outage, and never lets anybody pass.

    `report` hears of faults, by the exception. Identity headers are given with Allow only.
    """

    def __init__(
        self,
        guard: PolicyGuard,
        signer: AssertionSigner | None,
        *,
        names_plainly: bool,
        report: Callable[[Exception], None],
    ) -> None:
        """Build it; with `names_plainly` the identity also stands in headers that are not signed."""
        self.guard = guard
        self.signer = signer
        self._names_plainly = names_plainly
        self._report = report

    async def judge(self, request: RequestView) -> tuple[Decision, Headers]:
        """Return the decision, and the headers that tell the API who asks; () where nobody is known."""
        try:
            decision = await self.guard.decide(request)
            identity = self._identity(decision.token, request) if isinstance(decision, Allow) else ()
        except Exception as fault:  # noqa: BLE001  # whatever breaks, the proxy gets an answer that closes
            self._report(fault)
            return _BROKEN, ()
        return decision, identity

    def _identity(self, token: AccessToken, request: RequestView) -> Headers:
        signed = () if self.signer is None else ((ASSERTION, self.signer.sign(token, request)),)
        if not self._names_plainly:
            return signed
        named = ((SUBJECT, token.subject), (CLIENT, token.client_id), (SCOPE, str(token.scope)))
        # What no header can carry, such as a name beyond ASCII, is told by the assertion alone.
        return (*signed, *((name, value) for name, value in named if is_visible(value)))
