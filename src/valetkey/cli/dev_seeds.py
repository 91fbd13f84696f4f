"""What `valetkey dev` starts with: two end-users, its clients and the demo API, added where they are missing."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.audit import ActorKind, Origin
from valetkey.authorization_server.decision import PutClient, PutEndUser, PutResource, PutTenant
from valetkey.authorization_server.grants.device_code import DEVICE_CODE
from valetkey.authorization_server.model import (
    ApplicationType,
    AuthenticationMethod,
    Client,
    ClientSecret,
    ConsentMode,
    EndUser,
    ExchangeRule,
    ManagedBy,
    RegistrationMode,
    Resource,
    Tenant,
    normalised_username,
)
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.cli.demo_apps.parties import (
    ALBUM_WALL,
    BACKCHANNEL_LOGOUT_PATH,
    CALLBACK_PATH,
    FRONTCHANNEL_LOGOUT_PATH,
    PRINT_SHOP,
    READING_ROOM,
    SIGNED_OUT_PATH,
    Parties,
)
from valetkey.cli.dev_state import USERS, DevSecrets
from valetkey.jose.records import dataclass
from valetkey.oauth.token_exchange import GRANT_TYPE as TOKEN_EXCHANGE
from valetkey.oauth.types import (
    DEFAULT_TENANT,
    ClientId,
    GrantType,
    Issuer,
    NumericDate,
    Scope,
    SecretDigest,
    SecretText,
    Subject,
)
from valetkey.resource_server import FeedCredentials

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Change
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.ports import PasswordHasher, Stores

TENANT: Final = Tenant(
    DEFAULT_TENANT,
    "Valetkey",
    OAUTH_2_1.name,
    # On loopback alone: whatever client somebody tries first may register itself.
    registration=RegistrationMode.OPEN,
)
ALBUM_SCOPES: Final = {"albums.read": "See your albums", "albums.write": "Add albums and change them"}
CALLBACK: Final = "/demo/callback"
SPEAKER: Final = "demo-api"

_CODE: Final = frozenset({GrantType("authorization_code"), GrantType("refresh_token")})
_MACHINE: Final = frozenset({GrantType("client_credentials")})
_DEVICE: Final = frozenset({DEVICE_CODE, GrantType("refresh_token")})
_EXCHANGE: Final = frozenset({GrantType(TOKEN_EXCHANGE)})
_OF_PEOPLE: Final = ("web", "spa", "native", "tv")
_PERSON_SCOPE: Final = Scope({"openid", "profile", "email", "offline_access", *ALBUM_SCOPES})


@dataclass(frozen=True, slots=True)
class Seeds:
    """What one start adds: `issuer` and `api` depend on its ports, the secrets on its state folder."""

    issuer: Issuer
    api: str
    print_shop: str
    """The origin of the server-side demo application."""
    album_wall: str
    """The origin of the single-page one."""
    reading_room: str
    """The origin of the single-page one without tokens."""
    secrets: DevSecrets
    now: NumericDate

    @property
    def clients(self) -> tuple[Client, ...]:
        """The demo clients as this start announces them."""
        callback = self.issuer.endpoint(CALLBACK)
        # Whatever library somebody tries first: some send the secret by Basic, some in the form.
        secret, public = AuthenticationMethod.CLIENT_SECRET_BASIC_OR_POST, AuthenticationMethod.NONE
        web = self._client("web", "Photo Prints", secret, ("http://localhost:3000/callback", callback))
        spa = self._client("spa", "Album Viewer", public, ("http://localhost:5173/callback", callback))
        native = self._client(
            "native", "Album Desk", public, ("http://127.0.0.1/callback", "http://[::1]/callback")
        )
        machine = self._client("machine", "Nightly Backup", secret, ())
        tv = self._client("tv", "Living Room Screen", public, ())
        gateway = self._client("api-gateway", "Album Gateway", secret, ())
        return (
            web,
            spa,
            replace(native, application_type=ApplicationType.NATIVE),
            replace(machine, grant_types=_MACHINE, scope=Scope.of(ALBUM_SCOPES)),
            replace(tv, grant_types=_DEVICE, application_type=ApplicationType.NATIVE),
            replace(
                gateway,
                grant_types=_EXCHANGE,
                scope=Scope.of(ALBUM_SCOPES),
                token_exchange=tuple(ExchangeRule(ClientId(name), (self.api,)) for name in _OF_PEOPLE),
            ),
        )

    @property
    def applications(self) -> tuple[Client, ...]:
        """The demo applications, as this start serves them: their addresses are those of its ports."""
        basic, public = AuthenticationMethod.CLIENT_SECRET_BASIC, AuthenticationMethod.NONE
        shop = self._client(PRINT_SHOP, "Print Shop", basic, (self.print_shop + CALLBACK_PATH,))
        wall = self._client(ALBUM_WALL, "Album Wall", public, (self.album_wall + CALLBACK_PATH,))
        room = self._client(READING_ROOM, "Reading Room", basic, (f"{self.reading_room}/session/callback",))
        # Whose addresses stand here need not be asked about each time: nobody but us serves them.
        return (
            replace(
                shop,
                managed_by=ManagedBy.FILE,
                post_logout_redirect_uris=(self.print_shop + SIGNED_OUT_PATH,),
                openid=OpenIdMetadata(
                    backchannel_logout_uri=self.print_shop + BACKCHANNEL_LOGOUT_PATH,
                    backchannel_logout_session_required=True,
                ),
            ),
            replace(
                wall,
                managed_by=ManagedBy.FILE,
                grant_types=frozenset({GrantType("authorization_code")}),
                post_logout_redirect_uris=(f"{self.album_wall}/",),
                openid=OpenIdMetadata(
                    frontchannel_logout_uri=self.album_wall + FRONTCHANNEL_LOGOUT_PATH,
                    frontchannel_logout_session_required=True,
                ),
            ),
            replace(
                room,
                managed_by=ManagedBy.FILE,
                post_logout_redirect_uris=(f"{self.reading_room}/",),
                openid=OpenIdMetadata(
                    backchannel_logout_uri=f"{self.reading_room}/session/backchannel_logout",
                    backchannel_logout_session_required=True,
                ),
            ),
        )

    @property
    def parties(self) -> Parties:
        """Where the demo applications and what they talk to stand."""
        secrets = self.secrets.client_secrets
        return Parties(
            issuer=self.issuer.url,
            api=self.api,
            print_shop=self.print_shop,
            album_wall=self.album_wall,
            reading_room=self.reading_room,
            secret=secrets[PRINT_SHOP],
            reading_room_secret=secrets[READING_ROOM],
            reading_room_key=hmac.digest(self.secrets.key_encryption_key, READING_ROOM.encode(), "sha256"),
        )

    @property
    def speaker(self) -> Client:
        """As whom the demo API reads the feed of revocations; it can get no token."""
        basic = AuthenticationMethod.CLIENT_SECRET_BASIC
        speaker = self._client(SPEAKER, "Demo albums, the API itself", basic, ())
        return replace(speaker, grant_types=frozenset(), scope=Scope(), resources=())

    @property
    def feed(self) -> FeedCredentials:
        """The speaker's credentials."""
        return FeedCredentials(SPEAKER, self.secrets.client_secrets[SPEAKER])

    @property
    def resource(self) -> Resource:
        """The demo API."""
        return Resource(self.api, "Demo albums", ALBUM_SCOPES, introspection_client_ids=(ClientId(SPEAKER),))

    def _client(
        self, client_id: str, name: str, method: AuthenticationMethod, redirect_uris: tuple[str, ...]
    ) -> Client:
        secret = self.secrets.client_secrets.get(client_id)
        return Client(
            client_id=ClientId(client_id),
            name=name,
            authentication_method=method,
            grant_types=_CODE,
            redirect_uris=redirect_uris,
            secrets=(ClientSecret("seed", _digest(secret), self.now),) if secret else (),
            scope=_PERSON_SCOPE,
            resources=(self.api,),
            consent=ConsentMode.REMEMBER,
        )


async def sow(seeds: Seeds, stores: Stores, passwords: PasswordHasher, fresh: Fresh) -> None:
    """Add what is missing; what an operator changed since stays changed, but this start's addresses are joined."""
    changes: list[Change] = []
    for client in (*seeds.clients, seeds.speaker):
        found = await stores.clients.find(client.client_id)
        wanted = _joined(found, client) if found else client
        if wanted != found:
            changes.append(PutClient(wanted))
    for client in seeds.applications:
        found = await stores.clients.find(client.client_id)
        # Their addresses are those of this start, whatever stood there before.
        if found is None or replace(found, secrets=client.secrets) != client:
            changes.append(PutClient(client))
    resource = await stores.resources.find(seeds.api)
    if resource is None:
        changes.append(PutResource(seeds.resource))
    elif SPEAKER not in resource.introspection_client_ids:
        speakers = (*resource.introspection_client_ids, ClientId(SPEAKER))
        changes.append(PutResource(replace(resource, introspection_client_ids=speakers)))
    changes += [
        PutEndUser(await _end_user(username, seeds, passwords, fresh))
        for username in USERS
        if await stores.end_users.find_by_username(normalised_username(username)) is None
    ]
    # One by one: another server on the same folder may be adding the same.
    for change in changes:
        await stores.commit((change,), _by_seeds(fresh))


async def sow_tenant(stores: Stores, tenant: Tenant | None, fresh: Fresh) -> None:
    """Add the default tenant where it is missing."""
    if tenant is None:
        await stores.commit((PutTenant(TENANT),), _by_seeds(fresh))


def _by_seeds(fresh: Fresh) -> Origin:
    return Origin(ActorKind.SERVER, fresh.now, "seeds", fresh.identifier("audit"))


def _joined(found: Client, client: Client) -> Client:
    resources = dict.fromkeys((*client.resources, *found.resources))
    secrets = found.secrets
    if {secret.digest.value for secret in client.secrets} - {secret.digest.value for secret in secrets}:
        secrets = (*secrets, *client.secrets)
    return replace(
        found,
        redirect_uris=tuple(dict.fromkeys((*found.redirect_uris, *client.redirect_uris))),
        resources=tuple(resources),
        secrets=secrets,
        token_exchange=_joined_rules(found.token_exchange, client.token_exchange),
    )


def _joined_rules(found: tuple[ExchangeRule, ...], wanted: tuple[ExchangeRule, ...]) -> tuple[ExchangeRule, ...]:
    new = {rule.subject_client_id: rule for rule in wanted}
    joined = [
        replace(rule, resources=tuple(dict.fromkeys((*new[rule.subject_client_id].resources, *rule.resources))))
        if rule.subject_client_id in new
        else rule
        for rule in found
    ]
    known = {rule.subject_client_id for rule in found}
    return (*joined, *(rule for rule in wanted if rule.subject_client_id not in known))


async def _end_user(username: str, seeds: Seeds, passwords: PasswordHasher, fresh: Fresh) -> EndUser:
    return EndUser(
        subject=Subject(fresh.identifier(f"end-user {username}")),
        username=username,
        password_hash=await passwords.hash(SecretText(seeds.secrets.passwords[username])),
        updated_at=fresh.now,
        name=username.capitalize(),
        email=f"{username}@example.com",
        email_verified=True,
        roles=frozenset({USERS[username]}) - {"user"},
    )


def _digest(secret: str) -> SecretDigest:
    return SecretDigest(SecretText(secret).digest())
