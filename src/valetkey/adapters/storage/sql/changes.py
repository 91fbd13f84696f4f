"""The closed union of changes as statements: the one place where a new `Change` gets its SQL."""

from collections.abc import Sequence

from valetkey.adapters.storage.sql import (
    api_keys,
    audit_records,
    configuration_changes,
    device_changes,
    key_changes,
    logouts,
    registration_changes,
    second_factors,
    security_events,
    sign_in_changes,
    status_changes,
    stream_events,
    streams,
    tenant_secrets,
    token_changes,
    trusted_issuers,
)
from valetkey.adapters.storage.sql.sign_in_changes import SignInChange
from valetkey.adapters.storage.sql.step import Step
from valetkey.adapters.storage.sql.token_changes import TokenChange
from valetkey.authorization_server.api_key import ApiKeyChange
from valetkey.authorization_server.audit import Origin
from valetkey.authorization_server.decision import Change
from valetkey.authorization_server.device.codes import DeviceChange
from valetkey.authorization_server.key_changes import KeyChange
from valetkey.authorization_server.revocation.deaths import deaths_of
from valetkey.authorization_server.revocation.logouts import LogoutChange
from valetkey.authorization_server.revocation.statuses import StatusChange
from valetkey.authorization_server.second_factor import SecondFactorChange
from valetkey.authorization_server.self_registration.changes import RegistrationChange
from valetkey.authorization_server.signals.streams import StreamChange
from valetkey.authorization_server.tenant_secrets import TenantSecretChange
from valetkey.authorization_server.trusted_issuer import TrustedIssuerChange
from valetkey.oauth.types import NumericDate, TenantId


def unit_of(tenant: TenantId, changes: Sequence[Change], origin: Origin | None = None) -> list[Step]:
    """The statements of all changes, in their order: one unit of work, with a record of who makes them."""
    if origin is None:
        return [step for change in changes for step in _told(tenant, change, None)]
    return [
        step
        for position, change in enumerate(changes)
        for step in (*audit_records.steps(tenant, change, origin, position), *_told(tenant, change, origin.now))
    ]


def _told(tenant: TenantId, change: Change, now: NumericDate | None) -> tuple[Step, ...]:
    """The change, with the security events, the logouts and the events of streams that tell of it."""
    deaths = deaths_of(change)
    steps = _steps(tenant, change)
    if not deaths:
        return steps
    return (
        *stream_events.before(tenant, change, deaths, now),
        *security_events.before(tenant, deaths),
        *logouts.before(tenant, deaths),
        *steps,
        *security_events.after(tenant, deaths),
        *logouts.after(tenant, deaths),
        *stream_events.after(tenant, deaths),
    )


def _steps(tenant: TenantId, change: Change) -> tuple[Step, ...]:  # noqa: C901 - a line for each room
    if isinstance(change, TokenChange):
        return token_changes.steps(tenant, change)
    if isinstance(change, ApiKeyChange):
        return api_keys.steps(tenant, change)
    if isinstance(change, SignInChange):
        return sign_in_changes.steps(tenant, change)
    if isinstance(change, DeviceChange):
        return device_changes.steps(tenant, change)
    if isinstance(change, StatusChange):
        return status_changes.steps(tenant, change)
    if isinstance(change, StreamChange):
        return streams.steps(tenant, change)
    if isinstance(change, LogoutChange):
        return logouts.steps(tenant, change)
    if isinstance(change, RegistrationChange):
        return registration_changes.steps(tenant, change)
    if isinstance(change, SecondFactorChange):
        return second_factors.steps(tenant, change)
    if isinstance(change, TrustedIssuerChange):
        return trusted_issuers.steps(tenant, change)
    if isinstance(change, TenantSecretChange):
        return tenant_secrets.steps(tenant, change)
    if isinstance(change, KeyChange):
        return key_changes.steps(tenant, change)
    return configuration_changes.steps(tenant, change)
