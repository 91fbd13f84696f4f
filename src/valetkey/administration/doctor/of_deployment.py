"""What can be wrong with how a server is set up: listeners, proxies, certificates, files."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from valetkey.administration.doctor.finding import Deployment, Diagnosis, Said, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON: Final = 14 * 86_400
"""Seconds before an end that somebody should hear of."""
_WIDEST: Final = {4: 8, 6: 32}
"""Prefix lengths under which a network of proxies holds strangers."""


def _insecure_issuer(deployment: Deployment) -> Iterator[Said]:
    if not deployment.issuer.url.startswith("https:"):
        yield (
            "setting issuer",
            f"{deployment.issuer.url} is reached without TLS: only this machine can use it",
            "choose the https URL under which clients and browsers reach the server",
        )


def _everybody_a_proxy(deployment: Deployment) -> Iterator[Said]:
    for proxy in deployment.trusted_proxies:
        network = ip_network(proxy, strict=False)
        if network.prefixlen < _WIDEST[network.version]:
            yield (
                "setting server.trusted_proxies",
                f"{proxy} lets strangers say where a request comes from",
                "name the addresses of your own proxies",
            )


def _in_the_clear(deployment: Deployment) -> Iterator[Said]:
    if deployment.has_tls or deployment.trusted_proxies:
        return
    for host in deployment.hosts:
        if not ip_address(host).is_loopback:
            yield (
                "setting server.hosts",
                f"{host} is served without TLS, and no proxy is named that would end it",
                "set server.tls_certificate and server.tls_key, or name the proxy in server.trusted_proxies",
            )


def _certificate(deployment: Deployment) -> Iterator[tuple[int, Said]]:
    if deployment.certificate_ends is None:
        return
    left = deployment.certificate_ends - deployment.now
    message = "has expired" if left <= 0 else f"expires in {left // 86_400} days"
    yield left, ("setting server.tls_certificate", f"the certificate {message}", "renew it")


def _certificate_expired(deployment: Deployment) -> Iterator[Said]:
    yield from (said for left, said in _certificate(deployment) if left <= 0)


def _certificate_ends(deployment: Deployment) -> Iterator[Said]:
    yield from (said for left, said in _certificate(deployment) if 0 < left < SOON)


def _open_database(deployment: Deployment) -> Iterator[Said]:
    if deployment.is_database_open_to_others:
        yield (
            "setting storage.path",
            "every user of this machine may read the database",
            "take the rights away: `chmod 600`, and `chmod 700` on its folder",
        )


def _schema_behind(deployment: Deployment) -> Iterator[Said]:
    if deployment.missing_migrations:
        names = ", ".join(deployment.missing_migrations)
        yield "the database", f"migrations are missing: {names}", "run `valetkey db upgrade`, or start the server"


DIAGNOSES: Final[tuple[Diagnosis[Deployment], ...]] = (
    Diagnosis("issuer-without-tls", Severity.WARNING, "RFC 8414, 2; OAuth 2.1, 1.5", _insecure_issuer),
    Diagnosis("proxies-everybody", Severity.FAULT, "RFC 9700, 4.13", _everybody_a_proxy),
    Diagnosis("certificate-expired", Severity.FAULT, "RFC 5280, 4.1.2.5", _certificate_expired),
    Diagnosis("database-open", Severity.FAULT, "it holds digests, sealed keys and who signed in", _open_database),
    Diagnosis("listener-without-tls", Severity.WARNING, "OAuth 2.1, 1.5", _in_the_clear),
    Diagnosis("certificate-ends", Severity.WARNING, "RFC 5280, 4.1.2.5", _certificate_ends),
    Diagnosis("schema-behind", Severity.NOTE, "the next start applies them", _schema_behind),
)
