"""`load`: the three layers become one frozen `Settings`, or one `SettingsError` with a line for every fault."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from valetkey.authorization_server.grant_table import UnfitGrant
from valetkey.authorization_server.key_algorithms import DEFAULT_ALGORITHMS, NEEDED_ALGORITHMS
from valetkey.authorization_server.policy import PROFILES
from valetkey.oauth.types import SecretText
from valetkey.settings import table
from valetkey.settings.declarations import read_declarations
from valetkey.settings.declared_table import INITIAL_PASSWORD, USERS
from valetkey.settings.environment import take_environment
from valetkey.settings.errors import SettingsError
from valetkey.settings.extensions import load_grants
from valetkey.settings.file import take_file
from valetkey.settings.reading import Readings, read
from valetkey.settings.secrets import is_open_to_others
from valetkey.settings.setting import FromFile, Setting
from valetkey.settings.sources import Found, Layer, Sources, hint, rows_by_name
from valetkey.settings.values import (
    AuditSettings,
    ExtensionSettings,
    KeySettings,
    LimitSettings,
    LogSettings,
    OutboundSettings,
    ServerSettings,
    Settings,
    StorageSettings,
    ValkeySettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from valetkey.authorization_server.declaration import Declarations
    from valetkey.oauth.types import GrantType


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]) -> Settings:
    """Return the settings of a file, under `VALETKEY_*` variables, under flags; None among flags says nothing.

    `overrides` is keyed by dotted path ("server.port"). Raises SettingsError with a line for every fault.
    """
    sources = Sources(path)
    if path is not None:
        take_file(path, sources)
    take_environment(environ, sources)
    _take_flags(overrides, sources)
    found = read(table.SETTINGS, sources.values, f"{path}: " if path is not None else "", sources.faults)
    further = frozenset() if found is None else _further_grant_types(found, sources)
    revision = 0 if found is None else found[table.REVISION]
    algorithms = DEFAULT_ALGORITHMS if found is None else found[table.KEYS_ALGORITHMS]
    declarations = read_declarations(sources, _profile(sources), revision, further, algorithms)
    sources.faults.extend(_open_passwords(sources))
    if found is not None:
        sources.faults.extend(f"{_place(sources, row.path)}: {line}" for row, line in _contradictions(found))
    if sources.faults or found is None:
        raise SettingsError(tuple(sources.faults))
    return _settings(found, declarations, Path() if path is None else path.parent)


def _take_flags(overrides: Mapping[str, object], sources: Sources) -> None:
    known = rows_by_name(table.SETTINGS)
    for name, value in overrides.items():
        flag = f"--{name.rpartition('.')[2].replace('_', '-')}"
        if name not in known:
            sources.faults.append(f"{flag}: unknown setting {name}{hint(name, known)}")
        elif value is not None:
            row = known[name]
            sources.put(sources.values, row, name, Found(_as_read(value, row, name), flag, Path(), Layer.FLAG))


def _as_read(value: object, row: Setting[object], name: str) -> object:
    if isinstance(value, str) and name == row.path and row.from_file is not FromFile.NO:
        return SecretText(value)
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _profile(sources: Sources) -> str:
    found = sources.values.get(table.PROFILE.path)
    named = found.value if found is not None else None
    # A wrong name has its own line already: the declarations are judged by the default then.
    return named if isinstance(named, str) and named in PROFILES else str(table.PROFILE.default)


def _further_grant_types(found: Readings, sources: Sources) -> frozenset[GrantType]:
    try:
        return frozenset(grant.grant_type for grant in load_grants(found[table.EXTENSIONS_GRANTS]))
    except UnfitGrant as unfit:
        sources.faults.append(f"{_place(sources, table.EXTENSIONS_GRANTS.path)}: {unfit}")
        return frozenset()


def _open_passwords(sources: Sources) -> Iterator[str]:
    """A line for each password that stands readable for every user in the file itself."""
    path = sources.path
    for entry in sources.entries.get(USERS.name, ()):
        found = entry.values.get(INITIAL_PASSWORD.path)
        is_in_file = found is not None and found.layer is Layer.FILE
        if path is not None and found is not None and is_in_file and is_open_to_others(path.stat().st_mode):
            yield f"{found.origin}: expected a file that other users cannot read (chmod 600 {path})"


def _contradictions(found: Readings) -> Iterator[tuple[Setting[object], str]]:
    """Settings that are sound alone and wrong together."""
    if not found[table.HOSTS]:
        yield table.HOSTS, "expected at least one IP address"
    if (found[table.TLS_CERTIFICATE] is None) != (found[table.TLS_KEY] is None):
        missing = table.TLS_KEY if found[table.TLS_KEY] is None else table.TLS_CERTIFICATE
        yield missing, "expected server.tls_certificate and server.tls_key together"
    yield from _key_contradictions(found)
    is_plain = urlsplit(found[table.ISSUER].url).scheme == "http"
    if is_plain and any(not ipaddress.ip_address(host).is_loopback for host in found[table.HOSTS]):
        yield table.HOSTS, "expected loopback addresses only, because the issuer is a http URL"


def _key_contradictions(found: Readings) -> Iterator[tuple[Setting[object], str]]:
    algorithms, days = found[table.KEYS_ALGORITHMS], found[table.KEYS_ROTATION_DAYS]
    if not set(NEEDED_ALGORITHMS) <= set(algorithms):
        needed = " and ".join(NEEDED_ALGORITHMS)
        yield table.KEYS_ALGORITHMS, f"expected {needed} among them: the server itself signs with these"
    if len(set(algorithms)) < len(algorithms):
        yield table.KEYS_ALGORITHMS, "expected each algorithm once"
    if days and found[table.KEYS_ANNOUNCE_SECONDS] >= days * 86_400:
        yield table.KEYS_ANNOUNCE_SECONDS, f"expected less than the {days} days of keys.rotation_days"
    previous = found[table.PREVIOUS_KEY_ENCRYPTION_KEY]
    if previous is not None and previous.reveal() == found[table.KEY_ENCRYPTION_KEY].reveal():
        yield table.PREVIOUS_KEY_ENCRYPTION_KEY, "expected another secret than key_encryption_key"


def _place(sources: Sources, name: str) -> str:
    found = sources.values.get(name)
    if found is not None:
        return found.origin
    return f"{sources.path}: {name}" if sources.path is not None else name


def _settings(found: Readings, declarations: Declarations, folder: Path) -> Settings:
    is_default = found[table.STORAGE_PATH] is table.STORAGE_PATH.default
    return Settings(
        issuer=found[table.ISSUER],
        profile=found[table.PROFILE],
        revision=found[table.REVISION],
        key_encryption_key=found[table.KEY_ENCRYPTION_KEY],
        previous_key_encryption_key=found[table.PREVIOUS_KEY_ENCRYPTION_KEY],
        server=ServerSettings(
            hosts=found[table.HOSTS],
            port=found[table.PORT],
            workers=found[table.WORKERS],
            drain_delay=found[table.DRAIN_DELAY],
            trusted_proxies=found[table.TRUSTED_PROXIES],
            tls_certificate=found[table.TLS_CERTIFICATE],
            tls_key=found[table.TLS_KEY],
        ),
        storage=StorageSettings(folder / found[table.STORAGE_PATH] if is_default else found[table.STORAGE_PATH]),
        keys=KeySettings(
            found[table.KEYS_ALGORITHMS], found[table.KEYS_ROTATION_DAYS], found[table.KEYS_ANNOUNCE_SECONDS]
        ),
        outbound=OutboundSettings(
            allow=found[table.OUTBOUND_ALLOW],
            block=found[table.OUTBOUND_BLOCK],
            ca_file=found[table.OUTBOUND_CA_FILE],
        ),
        limits=LimitSettings(
            endpoints=found[table.LIMITS_ENDPOINTS],
            pages=found[table.LIMITS_PAGES],
            attempts=found[table.LIMITS_ATTEMPTS],
            registrations=found[table.LIMITS_REGISTRATIONS],
            failed_clients=found[table.LIMITS_FAILED_CLIENTS],
            exempt=found[table.LIMITS_EXEMPT],
        ),
        valkey=ValkeySettings(url=found[table.VALKEY_URL]),
        log=LogSettings(format=found[table.LOG_FORMAT]),
        audit=AuditSettings(days=found[table.AUDIT_DAYS]),
        extensions=ExtensionSettings(grants=found[table.EXTENSIONS_GRANTS]),
        tenants=declarations.tenants,
        clients=declarations.clients,
        users=declarations.users,
        resources=declarations.resources,
        trusted_issuers=declarations.trusted_issuers,
    )
