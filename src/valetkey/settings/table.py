"""The one table of settings that stand for themselves; what can be declared is in `declared_table`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from valetkey.authorization_server.key_algorithms import (
    DEFAULT_ALGORITHMS,
    ENCRYPTION_ALGORITHMS,
    SIGNING_ALGORITHMS,
)
from valetkey.authorization_server.outbound_guard import Blocks, Openings
from valetkey.authorization_server.policy import OAUTH_2_1, PROFILES
from valetkey.oauth.types import Issuer, Seconds, SecretText
from valetkey.resource_server.limits import LimitBy, RateLimit
from valetkey.settings import kinds
from valetkey.settings.kinds import Kind
from valetkey.settings.secrets import key_encryption_key
from valetkey.settings.setting import REQUIRED, FromFile, Setting
from valetkey.settings.values import KeyEncryptionKey, LogFormat

_BY_ADDRESS: Final = frozenset({LimitBy.ADDRESS})
_PATH: Final = Kind("a path", lambda found: Path(kinds.text("a path").read(found)))

ISSUER: Final[Setting[Issuer]] = Setting(
    "issuer",
    kinds.ISSUER,
    REQUIRED,
    "The issuer identifier of the default tenant: the URL under which clients and browsers reach this server. "
    "It stands in every token, so choose it once.",
    '"https://login.example.com"',
)
PROFILE: Final[Setting[str]] = Setting(
    "profile",
    kinds.choice(PROFILES),
    OAUTH_2_1.name,
    "The policy profile of the default tenant, and of tenants that name none of their own.",
    '"OAUTH_2_1"',
)
REVISION: Final[Setting[int]] = Setting(
    "revision",
    kinds.whole_number(0, 2**53 - 1),
    0,
    "Raise it with every change of what is declared: of two nodes with different files, the higher revision holds.",
    "1",
)
KEY_ENCRYPTION_KEY: Final[Setting[KeyEncryptionKey]] = Setting(
    "key_encryption_key",
    Kind("at least 32 random bytes as base64 or hex", key_encryption_key),
    REQUIRED,
    "The secret under which private signing keys are sealed in the database: 32 random bytes or more, in base64 or "
    "hex. Keep it apart from the database, and keep a copy: without it the keys cannot be opened.",
    '"valetkey.key"',
    FromFile.SECRET,
)
PREVIOUS_KEY_ENCRYPTION_KEY: Final[Setting[KeyEncryptionKey | None]] = Setting(
    "previous_key_encryption_key",
    Kind("at least 32 random bytes as base64 or hex", key_encryption_key),
    None,
    "The secret that key_encryption_key takes the place of: what it sealed is opened as well, until `valetkey key "
    "reseal` has sealed everything anew. Take it out then.",
    '"previous.key"',
    FromFile.SECRET,
)
HOSTS: Final[Setting[tuple[str, ...]]] = Setting(
    "server.hosts",
    kinds.ADDRESSES,
    ("127.0.0.1",),
    "The IP addresses that the server listens on.",
    '["127.0.0.1"]',
)
PORT: Final[Setting[int]] = Setting(
    "server.port",
    kinds.whole_number(0, 65_535),
    8080,
    "The port that the server listens on; 0 takes any free one.",
    "8080",
)
WORKERS: Final[Setting[int]] = Setting(
    "server.workers",
    kinds.whole_number(1, 64),
    1,
    "How many worker processes answer requests; they share the one database.",
    "2",
)
DRAIN_DELAY: Final[Setting[Seconds]] = Setting(
    "server.drain_delay",
    kinds.seconds(0, 600),
    Seconds(5),
    "How many seconds, after it was told to stop, the server still accepts requests while /readyz answers 503, so "
    "that a load balancer can look away first.",
    "5",
)
TRUSTED_PROXIES: Final[Setting[tuple[str, ...]]] = Setting(
    "server.trusted_proxies",
    kinds.PROXIES,
    (),
    "The reverse proxies whose X-Forwarded-For is believed; nobody else's is. No other forwarding header is read.",
    '["10.0.0.0/8"]',
)
TLS_CERTIFICATE: Final[Setting[Path | None]] = Setting(
    "server.tls_certificate",
    _PATH,
    None,
    "A PEM file with the certificate chain, where the server ends TLS itself; it goes with server.tls_key.",
    '"fullchain.pem"',
)
TLS_KEY: Final[Setting[Path | None]] = Setting(
    "server.tls_key",
    _PATH,
    None,
    "A PEM file with the private key of server.tls_certificate.",
    '"privkey.pem"',
)
STORAGE_PATH: Final[Setting[Path]] = Setting(
    "storage.path",
    _PATH,
    Path("valetkey.db"),
    "The SQLite database; its folder must be writable, and on a local disk.",
    '"valetkey.db"',
)
KEYS_ALGORITHMS: Final[Setting[tuple[str, ...]]] = Setting(
    "keys.algorithms",
    kinds.list_of(kinds.choice((*SIGNING_ALGORITHMS, *ENCRYPTION_ALGORITHMS)), "a list of algorithms"),
    DEFAULT_ALGORITHMS,
    "The algorithms for which every tenant has a key: clients and resource servers may ask for these signatures. "
    "ES256 and RS256 are always needed. A name of a key management, such as RSA-OAEP-256, gives a key to which "
    "clients may encrypt their request objects.",
    '["ES256", "RS256", "PS256", "Ed25519", "EdDSA"]',
)
KEYS_ROTATION_DAYS: Final[Setting[int]] = Setting(
    "keys.rotation_days",
    kinds.whole_number(0, 3_650, "days"),
    90,
    "After how many days of use each key is replaced; 0 leaves that to `valetkey key rotate`.",
    "90",
)
KEYS_ANNOUNCE_SECONDS: Final[Setting[Seconds]] = Setting(
    "keys.announce_seconds",
    kinds.seconds(120, 30 * 86_400),
    Seconds(86_400),
    "How many seconds a key stands in the published JWK Set before it signs. Raise it where verifiers keep the set "
    "for longer than a day.",
    "86400",
)
OUTBOUND_ALLOW: Final[Setting[Openings]] = Setting(
    "outbound.allow",
    kinds.OPENINGS,
    Openings(),
    "The hosts, IP addresses and networks of your own that the server may ask for keys and documents, although "
    "they are not public: a host may then have private and loopback addresses, and be asked over http on loopback.",
    '["keys.internal.example.com", "10.20.0.0/16"]',
)
OUTBOUND_BLOCK: Final[Setting[Blocks]] = Setting(
    "outbound.block",
    kinds.BLOCKS,
    Blocks(),
    "The hosts, with everything beneath them, and the single URLs that the server never asks: clients that "
    "introduce themselves from there are unknown from then on, and so are their tokens.",
    '["bad.example", "https://apps.example/client.json"]',
)
OUTBOUND_CA_FILE: Final[Setting[Path | None]] = Setting(
    "outbound.ca_file",
    _PATH,
    None,
    "A PEM file with further certificate authorities that the server believes when it asks addresses outside, "
    "such as that of a private network.",
    '"internal-ca.pem"',
)
LIMITS_ENDPOINTS: Final[Setting[RateLimit | None]] = Setting(
    "limits.endpoints",
    kinds.rate("endpoints"),
    RateLimit.parse("endpoints", "500/1s", by=_BY_ADDRESS),
    "How often one address may ask the endpoints that programs ask: tokens, introspection, revocation, UserInfo "
    "and their like. Who asks more often gets 429 with Retry-After before anything is read, verified or written.",
    '"500/1s"',
)
LIMITS_PAGES: Final[Setting[RateLimit | None]] = Setting(
    "limits.pages",
    kinds.rate("pages"),
    RateLimit.parse("pages", "100/1s", by=_BY_ADDRESS),
    "How often one address may ask for pages that people see.",
    '"100/1s"',
)
LIMITS_ATTEMPTS: Final[Setting[RateLimit | None]] = Setting(
    "limits.attempts",
    kinds.rate("attempts"),
    RateLimit.parse("attempts", "300/1m", by=_BY_ADDRESS),
    "How often one address may send the forms that take a password or a code. Far fewer wrong ones are allowed for "
    "one account.",
    '"300/1m"',
)
LIMITS_REGISTRATIONS: Final[Setting[RateLimit | None]] = Setting(
    "limits.registrations",
    kinds.rate("registrations"),
    RateLimit.parse("registrations", "60/1m", by=_BY_ADDRESS),
    "How often one address may ask for a client to be registered, or for a registration.",
    '"60/1m"',
)
LIMITS_FAILED_CLIENTS: Final[Setting[RateLimit | None]] = Setting(
    "limits.failed_clients",
    kinds.rate("failed-clients"),
    RateLimit.parse("failed-clients", "600/1m", by=_BY_ADDRESS),
    "How often the authentication of one client may fail from one address before no proof of it, right or wrong, "
    "is looked at from there for a while. From everywhere else the client goes on.",
    '"600/1m"',
)
LIMITS_EXEMPT: Final[Setting[tuple[str, ...]]] = Setting(
    "limits.exempt",
    kinds.PROXIES,
    ("127.0.0.0/8", "::1/128"),
    "The IP addresses and networks whose requests are never counted, such as those of your own resource servers.",
    '["127.0.0.0/8", "::1/128", "10.20.0.0/16"]',
)
VALKEY_URL: Final[Setting[SecretText | None]] = Setting(
    "valkey.url",
    kinds.VALKEY,
    None,
    "The Valkey server in which all nodes and workers count together. Without one each process counts by itself. "
    "It holds nothing that may not be lost.",
    '"redis://valkey.internal:6379/0"',
    FromFile.SECRET,
)
LOG_FORMAT: Final[Setting[LogFormat]] = Setting(
    "log.format",
    kinds.member_of(LogFormat),
    LogFormat.JSON,
    "Whether a line of the log is a JSON object or a text for people.",
    '"json"',
)
EXTENSIONS_GRANTS: Final[Setting[tuple[str, ...]]] = Setting(
    "extensions.grants",
    kinds.texts("a list of names"),
    (),
    "Grants of others, by the names under which installed packages offer them (entry points of the group "
    "`valetkey.grants`). What is not named here is never loaded.",
    "[]",
)
AUDIT_DAYS: Final[Setting[int]] = Setting(
    "audit.days",
    kinds.whole_number(1, 36_500),
    400,
    "How many days the audit trail keeps a record; `valetkey audit` reads it.",
    "400",
)

SETTINGS: Final[tuple[Setting[object], ...]] = (
    ISSUER,
    PROFILE,
    REVISION,
    KEY_ENCRYPTION_KEY,
    PREVIOUS_KEY_ENCRYPTION_KEY,
    HOSTS,
    PORT,
    WORKERS,
    DRAIN_DELAY,
    TRUSTED_PROXIES,
    TLS_CERTIFICATE,
    TLS_KEY,
    STORAGE_PATH,
    KEYS_ALGORITHMS,
    KEYS_ROTATION_DAYS,
    KEYS_ANNOUNCE_SECONDS,
    OUTBOUND_ALLOW,
    OUTBOUND_BLOCK,
    OUTBOUND_CA_FILE,
    LIMITS_ENDPOINTS,
    LIMITS_PAGES,
    LIMITS_ATTEMPTS,
    LIMITS_REGISTRATIONS,
    LIMITS_FAILED_CLIENTS,
    LIMITS_EXEMPT,
    VALKEY_URL,
    LOG_FORMAT,
    AUDIT_DAYS,
    EXTENSIONS_GRANTS,
)
"""Every setting that stands for itself, in the order of the reference page and of `valetkey init`."""

SECTIONS: Final = {
    "server": "Where and how the server listens.",
    "storage": "Where everything is kept.",
    "keys": "Which keys the server signs with, and how often it replaces them.",
    "outbound": "What the server may ask of addresses outside, for keys and documents of clients.",
    "limits": "How often one address may ask.",
    "valkey": "Where several nodes count together.",
    "log": "How the log looks.",
    "audit": "What is remembered of who changed what.",
    "extensions": "What packages of others add.",
}
