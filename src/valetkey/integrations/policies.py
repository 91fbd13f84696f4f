"""A policy file as the judge of a middleware: read with the files that it names, when the application starts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from valetkey.integrations.addresses import TrustedProxies
from valetkey.integrations.guarding import metadata_body
from valetkey.jose.records import dataclass
from valetkey.resource_server.building import BuiltGuard, Surroundings, build_guard
from valetkey.resource_server.metadata import metadata_path

if TYPE_CHECKING:
    from valetkey.resource_server import Decision, RequestView
    from valetkey.resource_server.enforce import Kept
    from valetkey.resource_server.limits import Limiter
    from valetkey.resource_server.trusted_issuer import SignalSource
    from valetkey.resource_server.used_tokens import UsedTokens


class PolicyOptions(TypedDict, total=False):
    """What a policy cannot say of itself."""

    limiter: Limiter | None
    """What counts requests; needed where the policy names limits."""
    used_tokens: UsedTokens | None
    """What remembers the tokens that clients sign; this process's memory without it."""
    signals: SignalSource | None
    """What other vendors' Shared Signals tell of tokens that are dead."""
    trusted_proxies: TrustedProxies | None
    """The proxies whose word on the address is taken; without it the address is that of the peer."""


@dataclass(frozen=True, slots=True)
class PolicyJudge:
    """Judges each request by the route of a policy; what no route is for is refused, whoever asks."""

    built: BuiltGuard
    trusted_proxies: TrustedProxies | None = None

    @property
    def metadata_path(self) -> str:
        """Where the metadata of the resource is published."""
        return metadata_path(self.built.guard.server.resource)

    def metadata_body(self) -> bytes:
        """Return the metadata as JSON."""
        guard = self.built.guard
        return metadata_body(guard.server, sorted(guard.policy.scopes))

    async def decide(self, request: RequestView, kept: Kept) -> Decision:
        """Judge one request."""
        del kept  # one policy has one rule for a request
        return await self.built.guard.decide(request)


@dataclass(frozen=True, slots=True)
class _FilesBeside:
    folder: Path

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes().strip()


def read_policy(path: Path | str, **options: Unpack[PolicyOptions]) -> PolicyJudge:
    """Return the judge that the policy file at `path` describes; the files that it names stand beside it.

    Raises OSError, tomllib.TOMLDecodeError, or BadPolicy with all that is wrong in it.
    """
    path = Path(path)
    surroundings = Surroundings(
        secrets=_FilesBeside(path.parent),
        limiter=options.get("limiter"),
        used_tokens=options.get("used_tokens"),
        signals=options.get("signals"),
    )
    document = tomllib.loads(path.read_text("utf-8"))
    return PolicyJudge(build_guard(document, surroundings), options.get("trusted_proxies"))
