"""Judging a configuration as it stands against a policy profile: what is wrong, why, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.administration.doctor import (
    of_clients,
    of_deployment,
    of_openid,
    of_policy,
    of_publication,
    of_resources,
)
from valetkey.administration.doctor.finding import Deployment, Diagnosis, Estate, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from valetkey.administration.doctor.of_publication import Publication

DIAGNOSES: Final[tuple[Diagnosis[Estate], ...]] = (
    *of_policy.DIAGNOSES,
    *of_clients.DIAGNOSES,
    *of_openid.DIAGNOSES,
    *of_resources.DIAGNOSES,
)
"""What is asked of each tenant."""
DEPLOYMENT_DIAGNOSES: Final[tuple[Diagnosis[Deployment], ...]] = of_deployment.DIAGNOSES
"""What is asked of the server as a whole."""

_ORDER: Final = tuple(Severity)

__all__ = ["DEPLOYMENT_DIAGNOSES", "DIAGNOSES", "Deployment", "Estate", "Finding", "Severity", "examine"]


def examine(
    deployment: Deployment | None, estates: Iterable[Estate], publications: Iterable[Publication] = ()
) -> tuple[Finding, ...]:
    """Return all findings, the gravest first; none means that nothing is known against the configuration.

    `deployment` is None where there is no configuration file, as with `valetkey dev`; `publications` are what the
    issuers were seen to publish, where somebody looked.
    """
    found: list[Finding] = []
    if deployment is not None:
        for general in DEPLOYMENT_DIAGNOSES:
            found.extend(general.findings(deployment, None))
    for estate in estates:
        for diagnosis in DIAGNOSES:
            found.extend(diagnosis.findings(estate, estate.tenant.tenant_id))
    for publication in publications:
        for published in of_publication.DIAGNOSES:
            found.extend(published.findings(publication, None))
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))
