"""The guard for FastAPI: a dependency that returns the AccessToken (RFC 6750)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import HTTPException, Request

from valetkey.integrations.starlette import Guard as StarletteGuard
from valetkey.resource_server import AccessToken, Allow, AllowAnonymous, Rule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


class Guard(StarletteGuard):
    """Guards path operations: `token: AccessToken = Depends(guard.token("albums.read"))`."""

    def token(
        self,
        *scope: str,
        acr: str | Sequence[str] = (),
        max_age: int | None = None,
        insecure_stale_seconds: int = 0,
    ) -> Callable[[Request], Awaitable[AccessToken]]:
        """Return the dependency that yields the token, or ends the request with the challenge.

        `acr` and `max_age` ask for a level of authentication and for how recent it is, as in `requires`.
        """
        rule = Rule.requiring(*scope, acr=acr, max_age=max_age, insecure_stale_seconds=insecure_stale_seconds)
        self._scopes.update(scope)

        async def dependency(request: Request) -> AccessToken:
            outcome = await self.decide(request, rule)
            if isinstance(outcome, Allow):
                return outcome.token
            if isinstance(outcome, AllowAnonymous):
                raise AssertionError("a dependency that yields a token has no public rule")  # noqa: TRY004 - our own
            raise HTTPException(outcome.status, detail=outcome.document(), headers=dict(outcome.headers))

        return dependency
