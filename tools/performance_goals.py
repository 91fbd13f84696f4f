"""The goals of Valetkey's speed as data: what is measured by which benchmark, and how far it is allowed to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

Figures: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What each benchmark reported, by the benchmark's name."""


class Bound(StrEnum):
    """On which side of the goal a figure has to be."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure to be reached; `unit` follows the number."""

    operation: str
    benchmark: str
    path: tuple[str, ...]
    side: Bound
    limit: float
    unit: str

    def figure(self, found: Figures) -> float | None:
        """Return what was measured, None where nothing was."""
        here: Any = found.get(self.benchmark)
        for name in self.path:
            here = here.get(name) if isinstance(here, Mapping) else None
        return float(here) if isinstance(here, int | float) else None

    def is_reached(self, figure: float) -> bool:
        """Say whether the figure is as good as the goal."""
        return figure <= self.limit if self.side is Bound.AT_MOST else figure >= self.limit

    def bound(self) -> str:
        """Return the goal in words."""
        return f"{self.side} {self.limit:g}{self.unit}"

    def distance(self, figure: float | None) -> str:
        """Return in plain words how far the figure is from the goal."""
        if figure is None:
            return "not measured"
        if self.is_reached(figure):
            return "reached"
        if self.side is Bound.AT_MOST:
            return f"**missed**: {figure / self.limit - 1:.0%} above"
        return f"**missed**: {1 - figure / self.limit:.0%} below"


_PLACES: Final = {
    "raw": ("valetkey", "to_raw"),
    "PyJWT": ("PyJWT", "to_valetkey"),
    "joserfc": ("joserfc", "to_valetkey"),
}


def _toolkit(operation: str, **limits: float) -> tuple[Goal, ...]:
    """Return the goals of one operation: at most so many times raw, at least so many times faster than a peer."""
    found = []
    for name, limit in limits.items():
        side = Bound.AT_MOST if name == "raw" else Bound.AT_LEAST
        words = f"{operation}, time to raw" if name == "raw" else f"{operation}, times faster than {name}"
        found.append(Goal(words, "jose", ("operations", operation, *_PLACES[name]), side, limit, "x"))
    return tuple(found)


def _rate(operation: str, words: str, limit: float) -> Goal:
    path = ("ratio_to_peer", operation, "valetkey", "per_second", "median")
    return Goal(f"{words}, durable, rate to oidc-provider in memory", "server", path, Bound.AT_LEAST, limit, "x")


GOALS: Final[tuple[Goal, ...]] = (
    *_toolkit("HS256 sign", raw=3.5, PyJWT=6),
    *_toolkit("HS256 verify", raw=8, PyJWT=7, joserfc=3.5),
    *_toolkit("RS256 sign", raw=1.03),
    *_toolkit("PS256 sign", raw=1.03),
    *_toolkit("RS256 verify", raw=1.25, PyJWT=3.2),
    *_toolkit("PS256 verify", raw=1.25, PyJWT=3.2),
    *_toolkit("ES256 sign", raw=1.12, PyJWT=1.6),
    *_toolkit("ES256 verify", raw=1.10, PyJWT=1.8),
    *_toolkit("Ed25519 sign", raw=1.07),
    *_toolkit("Ed25519 verify", raw=1.07),
    Goal(
        "verifying the same token again",
        "jose",
        ("operations", "verify again", "valetkey", "median_us"),
        Bound.AT_MOST,
        1.5,
        " us",
    ),
    *_toolkit("dir decrypt", raw=6.5),
    *_toolkit("RSA-OAEP-256 decrypt", raw=1.03),
    *_toolkit("ECDH-ES decrypt", raw=1.15),
    Goal(
        "guard, above verification (ES256)",
        "guard",
        ("operations", "ES256 access token", "guard, keys remote", "above_verification_us"),
        Bound.AT_MOST,
        15,
        " us",
    ),
    Goal(
        "guard, revocation look-up by the follower",
        "guard",
        ("operations", "ES256 access token", "revocation look-up", "median_us"),
        Bound.AT_MOST,
        1,
        " us",
    ),
    Goal(
        "limits of our own endpoints, a request",
        "rate_limits",
        ("operations", "in memory, one limit", "valetkey's own endpoints", "net_us"),
        Bound.AT_MOST,
        3,
        " us",
    ),
    _rate("client_credentials", "client credentials, ES256", 2.5),
    Goal(
        "client credentials, ES256, p99",
        "server",
        ("operations", "client_credentials", "valetkey", "p99_ms", "median"),
        Bound.AT_MOST,
        10,
        " ms",
    ),
    _rate("refresh", "refresh with rotation", 1.5),
    _rate("code_flow", "code flow with a live session", 1.6),
    Goal(
        "start to first 200", "start", ("subjects", "valetkey", "first_200_ms", "median"), Bound.AT_MOST, 450, " ms"
    ),
    Goal("memory after load", "start", ("subjects", "valetkey", "loaded_mib", "median"), Bound.AT_MOST, 80, " MiB"),
    Goal(
        "import of the toolkit",
        "imports",
        ("import_ms", "valetkey.jose", "wall", "median"),
        Bound.AT_MOST,
        90,
        " ms",
    ),
    Goal(
        "storage, CPU of a refresh (SQLite)",
        "storage",
        ("cases", "refresh, 1 process(es)", "cpu_us_per_commit", "median"),
        Bound.AT_MOST,
        60,
        " us",
    ),
    Goal(
        "storage, CPU of a granted code and of its redemption (SQLite)",
        "storage",
        ("cases", "code, 1 process(es)", "cpu_us_per_commit", "median"),
        Bound.AT_MOST,
        60,
        " us",
    ),
)
"""Every goal that a benchmark measures, in the order of the page."""

NOT_MEASURED: Final[tuple[str, ...]] = (
    "opaque tokens by client credentials (at least 1.8x oidc-provider) and introspection (at least 3.5x)",
    "the server beside django-oauth-toolkit (at least 12x for client credentials, 20x for refresh and code flow)",
    "storage over PostgreSQL (at most 30 us of CPU an issuance): the adapter is not built",
    "judging a client secret that was generated here (at most 2 us)",
)
"""Goals without figures, each said in words."""
