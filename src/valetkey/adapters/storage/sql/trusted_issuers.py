"""Trusted issuers: their documents, and the statements of their changes."""

from typing import assert_never

import msgspec

from valetkey.adapters.storage.sql.configuration_changes import TOUCH
from valetkey.adapters.storage.sql.step import Record, Step
from valetkey.authorization_server.model import ManagedBy
from valetkey.authorization_server.trusted_issuer import (
    PutTrustedIssuer,
    RemoveTrustedIssuer,
    SubjectMatch,
    TrustedIssuer,
    TrustedIssuerChange,
)
from valetkey.jose import JwkSet
from valetkey.oauth.types import ClientId, Scope, Seconds, TenantId

FIND_TRUSTED_ISSUER = "SELECT issuer, document FROM trusted_issuers WHERE tenant = $1 AND issuer = $2"
LIST_TRUSTED_ISSUERS = "SELECT issuer, document FROM trusted_issuers WHERE tenant = $1 ORDER BY issuer"

_PUT = """
INSERT INTO trusted_issuers (tenant, issuer, document) VALUES ($1, $2, $3)
ON CONFLICT (tenant, issuer) DO UPDATE SET document = excluded.document
"""
_REMOVE = "DELETE FROM trusted_issuers WHERE tenant = $1 AND issuer = $2"


class _Document(msgspec.Struct, frozen=True):
    clients: tuple[str, ...]
    scope: str
    jwks: dict[str, object] | None
    jwks_uri: str | None
    algorithms: tuple[str, ...]
    subject_claim: str
    subject_match: SubjectMatch
    subjects: dict[str, str]
    assertion_lifetime: int
    managed_by: ManagedBy
    disabled: bool


_documents = msgspec.json.Decoder(_Document)


def steps(tenant: TenantId, change: TrustedIssuerChange) -> tuple[Step, ...]:
    """The statements that make the change, the bump of the configuration version among them."""
    match change:
        case PutTrustedIssuer(found):
            written = Step(_PUT, (tenant, found.issuer, _document(found)))
        case RemoveTrustedIssuer(issuer):
            written = Step(_REMOVE, (tenant, issuer))
        case _:
            assert_never(change)
    return written, Step(TOUCH, (tenant,))


def trusted_issuer_from(row: Record) -> TrustedIssuer:
    """A row of issuer, document."""
    found = _documents.decode(row[1])
    return TrustedIssuer(
        issuer=row[0],
        clients=tuple(map(ClientId, found.clients)),
        scope=Scope.of(found.scope.split()),
        jwks=None if found.jwks is None else JwkSet.parse(found.jwks),
        jwks_uri=found.jwks_uri,
        algorithms=found.algorithms,
        subject_claim=found.subject_claim,
        subject_match=found.subject_match,
        subjects=found.subjects,
        assertion_lifetime=Seconds(found.assertion_lifetime),
        managed_by=found.managed_by,
        disabled=found.disabled,
    )


def _document(found: TrustedIssuer) -> str:
    document = _Document(
        found.clients,
        str(found.scope),
        None if found.jwks is None else found.jwks.as_dict(),
        found.jwks_uri,
        found.algorithms,
        found.subject_claim,
        found.subject_match,
        dict(found.subjects),
        found.assertion_lifetime,
        found.managed_by,
        found.disabled,
    )
    return msgspec.json.encode(document).decode()
