"""What an operator does with trusted issuers: each act judges, and returns the Changes to commit (RFC 7523)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from valetkey.administration.refusal import ActRefused, refuse_declared, refuse_faults
from valetkey.authorization_server.decision import Changes, PutTrustedIssuer, RemoveTrustedIssuer
from valetkey.authorization_server.trusted_issuer import SubjectMatch, TrustedIssuer, trusted_issuer_faults
from valetkey.jose import JwkSet
from valetkey.jose.records import dataclass
from valetkey.oauth.types import ClientId, Scope, Seconds


@dataclass(frozen=True, slots=True)
class TrustedIssuerFields:
    """What may be said of a trusted issuer; None leaves it as it is."""

    clients: tuple[ClientId, ...] | None = None
    scope: Scope | None = None
    jwks: JwkSet | None = None
    jwks_uri: str | None = None
    algorithms: tuple[str, ...] | None = None
    subject_claim: str | None = None
    subject_match: SubjectMatch | None = None
    subjects: Mapping[str, str] | None = None
    assertion_lifetime: Seconds | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class TrustedIssuerAct:
    """What becomes of the trusted issuer."""

    trusted_issuer: TrustedIssuer
    changes: Changes


def add_trusted_issuer(issuer: str, said: TrustedIssuerFields, held: TrustedIssuer | None) -> TrustedIssuerAct:
    """Trust an issuer; raises ActRefused."""
    if held is not None:
        raise ActRefused(f"{issuer} is trusted already: change it with `valetkey trusted-issuer change {issuer}`")
    return _judged(TrustedIssuer(issuer, (), Scope()), said)


def change_trusted_issuer(held: TrustedIssuer, said: TrustedIssuerFields) -> TrustedIssuerAct:
    """Change what `said` says; raises ActRefused."""
    refuse_declared(f"trusted issuer {held.issuer}", held.managed_by)
    return _judged(held, said)


def remove_trusted_issuer(held: TrustedIssuer) -> Changes:
    """Trust an issuer no longer: nothing more is bought by its assertions. Raises ActRefused for a declared one."""
    refuse_declared(f"trusted issuer {held.issuer}", held.managed_by)
    return (RemoveTrustedIssuer(held.issuer),)


def _judged(held: TrustedIssuer, said: TrustedIssuerFields) -> TrustedIssuerAct:
    given = {one.name: getattr(said, one.name) for one in fields(said) if getattr(said, one.name) is not None}
    # Keys come from one place: naming the other replaces it.
    if "jwks" in given and "jwks_uri" not in given:
        given["jwks_uri"] = None
    if "jwks_uri" in given and "jwks" not in given:
        given["jwks"] = None
    trusted_issuer = replace(held, **given)
    refuse_faults(trusted_issuer_faults(trusted_issuer))
    return TrustedIssuerAct(trusted_issuer, (PutTrustedIssuer(trusted_issuer),))
