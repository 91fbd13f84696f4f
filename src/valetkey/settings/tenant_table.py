"""What a configuration file can declare of a tenant, and the row that switches off whatever is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.policy import PROFILES
from valetkey.oauth.types import DEFAULT_TENANT
from valetkey.settings import kinds
from valetkey.settings.setting import REQUIRED, DeclarationTable, Setting

if TYPE_CHECKING:
    from valetkey.oauth.types import Scope

DISABLED: Final[Setting[bool]] = Setting(
    "disabled", kinds.FLAG, False, "Switches it off without forgetting it.", "true"
)
TENANT: Final[Setting[str]] = Setting(
    "tenant", kinds.text("the name of a tenant"), DEFAULT_TENANT, "The tenant that it belongs to.", '"acme"'
)
TENANT_NAME: Final[Setting[str]] = Setting(
    "name",
    kinds.text("a name of a-z, 0-9 and hyphens"),
    REQUIRED,
    "Names the tenant: its issuer is the default one's followed by /t/NAME. `default` is the one at the root.",
    '"acme"',
)
TENANT_DISPLAY_NAME: Final[Setting[str | None]] = Setting(
    "display_name", kinds.text(), None, "What its pages call it; its name where absent.", '"Acme Corporation"'
)
TENANT_PROFILE: Final[Setting[str | None]] = Setting(
    "profile", kinds.choice(PROFILES), None, "Its policy profile; the default tenant's where absent.", '"OPENID"'
)
TENANT_ACCENT: Final[Setting[str]] = Setting(
    "accent", kinds.text("a colour such as #2454d6"), "#2454d6", "The accent colour of its pages.", '"#0a7d4f"'
)
TENANT_REGISTRATION: Final[Setting[RegistrationMode | None]] = Setting(
    "registration",
    kinds.member_of(RegistrationMode),
    None,
    "Who may register clients: `closed` for nobody, `token` for whoever holds an initial access token, `open` for "
    "everybody within limits; what the profile says where absent.",
    '"token"',
)
TENANT_REGISTRATION_SCOPE: Final[Setting[Scope | None]] = Setting(
    "registration_scope",
    kinds.SCOPE,
    None,
    "All scopes that clients which register themselves may ask for; every scope of its resources where absent.",
    '"openid profile orders:read"',
)
TENANTS: Final = DeclarationTable(
    "tenants",
    TENANT_NAME,
    (
        TENANT_NAME,
        TENANT_DISPLAY_NAME,
        TENANT_PROFILE,
        TENANT_ACCENT,
        TENANT_REGISTRATION,
        TENANT_REGISTRATION_SCOPE,
        DISABLED,
    ),
    "An issuer of its own, with its own keys, clients and end-users.",
)  # fmt: skip
