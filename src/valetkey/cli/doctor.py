"""`valetkey doctor`: judges a configuration, and what is stored, against a policy profile."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.adapters.chance import draw_fresh
from valetkey.administration.doctor import Deployment, Estate, Finding, Severity, examine
from valetkey.administration.doctor.of_publication import Publication, keys_address, metadata_addresses
from valetkey.authorization_server.policy import PROFILES
from valetkey.cli import EXIT_FAILED
from valetkey.cli.desk import in_store, issuer_of, place_of, store_options
from valetkey.cli.output import say, show_json
from valetkey.oauth.types import Issuer, NumericDate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from valetkey.adapters.storage.sqlite.storage import SqliteStorage
    from valetkey.authorization_server.model import Tenant
    from valetkey.cli.desk import Place
    from valetkey.oauth.types import TenantId
    from valetkey.settings import Settings

_WEIGHED: Final = 10_000
"""End-users for whom tokens are weighed."""
_COLOURS: Final = {Severity.FAULT: "red", Severity.WARNING: "yellow", Severity.NOTE: "blue"}


@click.command()
@click.option(
    "--profile",
    type=click.Choice(sorted(PROFILES)),
    help="Judge against this profile instead of the one each tenant names.",
)
@click.option("--online", is_flag=True, help="Also fetch what each issuer publishes, as a client would.")
@click.option("--strict", is_flag=True, help="Let warnings fail, too.")
@store_options
def doctor(*, profile: str | None, online: bool, strict: bool, **options: Any) -> None:
    r"""Judge the configuration and what is stored against a policy profile.

    Exit code 0 when nothing is wrong, 1 with faults (with --strict also with warnings), 78 when the configuration
    cannot be read.

    \b
    Example: valetkey doctor --config valetkey.toml --profile OAUTH_2_1 --online
    """
    place = place_of(options)
    now = draw_fresh().now
    estates = _estates(place, profile, now)
    deployment = None if place.settings is None else _deployment(place.settings, place.database, now)
    findings = examine(deployment, estates, _publications(place, estates) if online else ())
    is_failed = any(_fails(finding, strict=strict) for finding in findings)
    if options["as_json"]:
        show_json({"sound": not is_failed, "findings": [_view(finding) for finding in findings]})
    else:
        _show(findings, estates)
    if is_failed:
        raise SystemExit(EXIT_FAILED)


def _fails(finding: Finding, *, strict: bool) -> bool:
    return finding.severity is Severity.FAULT or (strict and finding.severity is Severity.WARNING)


def _estates(place: Place, profile: str | None, now: NumericDate) -> tuple[Estate, ...]:
    """Return what is stored, and what is declared but waits for the next start."""
    declared = {} if place.settings is None else _declared(place.settings, profile, now)
    if not place.database.exists() and place.settings is not None:
        return tuple(declared.values())

    async def read(storage: SqliteStorage) -> tuple[Estate, ...]:
        tenants = {tenant.tenant_id: tenant for tenant in await storage.tenants.list()}
        named = {**{name: estate.tenant for name, estate in declared.items()}, **tenants}
        return tuple(
            [
                _joined(await _stored(storage, each, profile, now), declared.get(name))
                for name, each in named.items()
            ]
        )

    return in_store(place, read)


async def _stored(storage: SqliteStorage, tenant: Tenant, profile: str | None, now: NumericDate) -> Estate:
    stores = storage.stores(tenant.tenant_id)
    return Estate(
        tenant,
        PROFILES[profile or tenant.profile],
        await stores.clients.list(),
        await stores.resources.list(),
        await stores.signing_keys.list(),
        now,
        (await stores.end_users.list())[:_WEIGHED],
    )


def _declared(settings: Settings, profile: str | None, now: NumericDate) -> dict[TenantId, Estate]:
    return {
        tenant.tenant_id: Estate(
            tenant,
            PROFILES[profile or tenant.profile],
            tuple(each.client for each in settings.clients if each.tenant_id == tenant.tenant_id),
            tuple(each.resource for each in settings.resources if each.tenant_id == tenant.tenant_id),
            (),
            now,
        )
        for tenant in settings.tenants
    }


def _joined(stored: Estate, declared: Estate | None) -> Estate:
    if declared is None:
        return stored
    clients = {client.client_id: client for client in (*declared.clients, *stored.clients)}
    resources = {resource.identifier: resource for resource in (*declared.resources, *stored.resources)}
    return replace(stored, clients=tuple(clients.values()), resources=tuple(resources.values()))


def _deployment(settings: Settings, database: Path, now: NumericDate) -> Deployment:
    from valetkey.settings.secrets import is_open_to_others  # noqa: PLC0415 - of a file that may not exist

    exists = database.exists()
    certificate = settings.server.tls_certificate
    return Deployment(
        issuer=settings.issuer,
        hosts=settings.server.hosts,
        trusted_proxies=settings.server.trusted_proxies,
        has_tls=certificate is not None,
        certificate_ends=None if certificate is None else _end_of(certificate),
        is_database_open_to_others=exists and is_open_to_others(database.stat().st_mode),
        missing_migrations=_missing(database) if exists else (),
        now=now,
    )


def _end_of(certificate: Path) -> NumericDate:
    from cryptography import x509  # noqa: PLC0415 - only where the server ends TLS itself

    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    return NumericDate(int(min(each.not_valid_after_utc for each in chain).timestamp()))


def _missing(database: Path) -> tuple[str, ...]:
    from valetkey.adapters.storage.sql.migrations import pending, shipped  # noqa: PLC0415 - as above
    from valetkey.adapters.storage.sqlite.connection import open_reader  # noqa: PLC0415 - as above
    from valetkey.adapters.storage.sqlite.migrate import applied_to  # noqa: PLC0415 - as above

    with closing(open_reader(str(database))) as connection:
        lacking = pending(shipped(), applied_to(connection))
    return tuple(f"{each.number:04} {each.name}" for each in lacking)


def _publications(place: Place, estates: Sequence[Estate]) -> tuple[Publication, ...]:
    from valetkey.cli.doctor_online import look  # noqa: PLC0415 - an HTTP client takes time to import

    tenants = [estate.tenant for estate in estates if not estate.tenant.disabled]
    issuers = [issuer_of(place, tenant.tenant_id) for tenant in tenants]
    if None in issuers:
        raise click.UsageError("--online needs --config: a state folder does not know where its server listens")
    found = []
    for url in filter(None, issuers):
        issuer = Issuer(url)
        publication = Publication(issuer, look(metadata_addresses(issuer)))
        keys = keys_address(publication)
        answers = {**publication.answers, **(look((keys,)) if keys is not None else {})}
        found.append(Publication(issuer, answers))
    return tuple(found)


def _show(findings: Sequence[Finding], estates: Sequence[Estate]) -> None:
    for finding in findings:
        head = click.style(finding.severity.value.ljust(8), fg=_COLOURS[finding.severity], bold=True)
        where = f" (tenant {finding.tenant})" if finding.tenant is not None and len(estates) > 1 else ""
        say(f"{head} {finding.about}{where}: {finding.message}")
        say(click.style(f"         {finding.remedy}  [{finding.rule}; {finding.source}]", dim=True))
    judged = ", ".join(f"{estate.tenant.tenant_id} against {estate.policy.name}" for estate in estates)
    counts = {severity: sum(each.severity is severity for each in findings) for severity in Severity}
    said = ", ".join(f"{count} {severity.value}{'s' if count != 1 else ''}" for severity, count in counts.items())
    say(f"{said}; judged {judged or 'the configuration alone'}")


def _view(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "tenant": finding.tenant,
        "about": finding.about,
        "message": finding.message,
        "remedy": finding.remedy,
        "source": finding.source,
    }
