"""Issuers whose assertions buy tokens here: what an operator says of them, and what that must be (RFC 7523)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from valetkey.authorization_server.fault import Fault
from valetkey.authorization_server.model import ManagedBy
from valetkey.jose import JwkSet
from valetkey.jose.algorithms import SIGNATURE_ALGORITHMS
from valetkey.jose.records import dataclass
from valetkey.oauth.outward_url import own_url_fault
from valetkey.oauth.types import ClientId, Scope, Seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

ALGORITHMS: Final = tuple(row.name for row in SIGNATURE_ALGORITHMS.values() if not row.is_symmetric)
"""An issuer elsewhere shares no secret with us."""
LONGEST_LIFETIME: Final = 3_600
LONGEST_ISSUER: Final = 1_000
MOST_SUBJECTS: Final = 10_000


class SubjectMatch(StrEnum):
    """What of an end-user a claim of an assertion is compared with."""

    LISTED = "listed"
    """Nothing: a table of the operator says whom each value means."""
    SUBJECT = "subject"
    USERNAME = "username"
    """Whatever the case of its ASCII letters; no other spelling counts as the same."""
    EMAIL = "email"
    """An address that both sides say is verified, and that only one end-user has."""


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer whose assertions are believed as far as this says (RFC 7523, 3)."""

    issuer: str
    clients: tuple[ClientId, ...]
    """Who may present its assertions."""
    scope: Scope
    """The most that a token may have that one of its assertions buys."""
    jwks: JwkSet | None = None
    jwks_uri: str | None = None
    """Where it publishes its keys, where they are not given by `jwks`."""
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    subject_claim: str = "sub"
    subject_match: SubjectMatch = SubjectMatch.LISTED
    subjects: Mapping[str, str] = field(default_factory=dict)
    """Value of the claim to the user name of the end-user that it means."""
    assertion_lifetime: Seconds = Seconds(300)
    """Seconds that an assertion may still live when it is presented."""
    managed_by: ManagedBy = ManagedBy.OPERATOR
    disabled: bool = False


class TrustedIssuers(Protocol):
    """The port to the trusted issuers of one tenant, cached like its clients."""

    async def find(self, issuer: str) -> TrustedIssuer | None:
        """Return the one whose assertions carry `issuer` as `iss`."""
        ...

    async def list(self) -> Sequence[TrustedIssuer]:
        """Return all of them, by issuer."""
        ...


@dataclass(frozen=True, slots=True)
class PutTrustedIssuer:
    """Adds or replaces a trusted issuer."""

    trusted_issuer: TrustedIssuer


@dataclass(frozen=True, slots=True)
class RemoveTrustedIssuer:
    """Removes a trusted issuer: nothing more is bought by its assertions."""

    issuer: str


TrustedIssuerChange = PutTrustedIssuer | RemoveTrustedIssuer


def trusted_issuer_faults(found: TrustedIssuer) -> tuple[Fault, ...]:
    """Return everything that is wrong with a trusted issuer; empty when it is sound."""
    return (*_key_faults(found), *_faults(found))


def _faults(found: TrustedIssuer) -> Iterator[Fault]:
    if not 0 < len(found.issuer) <= LONGEST_ISSUER or not found.issuer.isprintable() or " " in found.issuer:
        yield Fault("issuer", "expected what its assertions carry as `iss`, such as https://idp.example.com")
    if not found.clients:
        yield Fault("clients", "expected the clients that may present its assertions")
    if not found.scope:
        yield Fault("scope", "expected the scopes that its assertions may buy")
    if not found.subject_claim or not found.subject_claim.isprintable():
        yield Fault("subject_claim", "expected the name of a claim")
    if (found.subject_match is SubjectMatch.LISTED) is not bool(found.subjects):
        yield Fault("subjects", "expected a table of user names where subject_match is listed, and only there")
    if len(found.subjects) > MOST_SUBJECTS:
        yield Fault("subjects", f"expected {MOST_SUBJECTS} at most")
    if not 1 <= found.assertion_lifetime <= LONGEST_LIFETIME:
        yield Fault("assertion_lifetime", f"expected 1 to {LONGEST_LIFETIME} seconds")


def _key_faults(found: TrustedIssuer) -> Iterator[Fault]:
    if (found.jwks is None) is (found.jwks_uri is None):
        yield Fault("jwks", "expected its public keys, or jwks_uri, where it publishes them")
    fault = None if found.jwks_uri is None else own_url_fault(found.jwks_uri)
    if fault is not None:
        yield Fault("jwks_uri", fault)
    if found.jwks is not None:
        # A key that was left out would be missed only on the day it signs.
        yield from (Fault("jwks", f"key {bad.kid or bad.position}: {bad.reason}") for bad in found.jwks.skipped)
        if any(key.kty == "oct" for key in found.jwks.keys):
            yield Fault("jwks", "expected public keys, found a symmetric one")
    unknown = sorted(set(found.algorithms) - set(ALGORITHMS))
    if unknown or not found.algorithms:
        yield Fault("algorithms", f"expected some of {', '.join(ALGORITHMS)}")
