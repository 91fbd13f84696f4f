"""What a configuration means, as plain JSON values; secrets are redacted."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.outbound_guard import Blocks, Openings
from valetkey.oauth.types import Issuer, SecretText
from valetkey.resource_server.limits import RateLimit
from valetkey.settings.table import SETTINGS
from valetkey.settings.values import KeyEncryptionKey

if TYPE_CHECKING:
    from valetkey.authorization_server.declaration import DeclaredEndUser
    from valetkey.settings.values import Settings

REDACTED: Final = "[redacted]"


def settings_view(settings: Settings) -> dict[str, object]:
    """Return every setting by its dotted path, as it holds: from the file, the environment, flags or by default."""
    return {row.path: _plain(attrgetter(row.path)(settings)) for row in SETTINGS}


def declared_user_view(user: DeclaredEndUser) -> dict[str, object]:
    """Return a declared end-user; of the password only whether there is one."""
    return {
        "username": user.username,
        "tenant": user.tenant_id,
        "name": user.name,
        "email": user.email,
        "email_verified": user.email_verified,
        "roles": sorted(user.roles),
        "claims": dict(user.claims),
        "initial_password": None if user.initial_password is None else REDACTED,
        "disabled": user.disabled,
    }


def _plain(value: object) -> object:
    match value:
        case KeyEncryptionKey() | SecretText():
            return REDACTED
        case RateLimit():
            return f"{value.count}/{value.period}s"
        case Issuer() | Path():
            return str(value)
        case Openings(hosts, networks):
            return [*sorted(hosts), *map(str, networks)]
        case Blocks(hosts, urls):
            return [*sorted(hosts), *sorted(urls)]
        case tuple():
            return [_plain(each) for each in value]
        case _:
            return value
