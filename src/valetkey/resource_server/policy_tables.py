"""What stands in a policy file, table by table: names, types and meanings, for reader and reference alike."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

CredentialName = Literal["access_token", "api_key", "client_jwt", "session"]
MethodName = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
KeyName = Literal["client", "subject", "api_key", "tenant", "route", "address"]
WhenDownName = Literal["open", "closed"]


def _says(text: str) -> Meta:
    return Meta(description=text)


class IssuerRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[issuer]]`: an authorization server whose tokens are taken; at least one."""

    url: Annotated[str, _says("The issuer, exactly as tokens name it.")]
    jwks_uri: Annotated[str, _says("Where its keys are, if not at `/jwks.json` below it.")] = ""
    algorithms: Annotated[list[str], _says("The signature algorithms that its tokens may have.")] = []
    client_id: Annotated[str, _says("As whom it is asked about opaque tokens, API keys and revocations.")] = ""
    client_secret_file: Annotated[str, _says("The file with the secret of that client.")] = ""
    opaque: Annotated[bool, _says("Whether it explains opaque tokens (RFC 7662); one issuer at most.")] = False
    introspection_endpoint: Annotated[str, _says("Where it is asked, if not at `/introspect` below it.")] = ""
    api_keys: Annotated[bool, _says("Whether its API keys are taken; the first issuer only.")] = False
    feed: Annotated[bool, _says("Whether its live feed is followed: revoked tokens die within a second.")] = False


class ClientRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[client]]`: a client that signs short-lived tokens for this API itself, with a secret or key of its own."""

    client_id: Annotated[str, _says("The `iss` and the `sub` of its tokens.")]
    secret_file: Annotated[str, _says("The file with the secret (HS256), 32 octets or more.")] = ""
    jwks_file: Annotated[str, _says("The file with its public keys, a JWK Set.")] = ""
    scope: Annotated[list[str], _says("The most that its tokens may carry.")] = []


class LimitRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[limit]]`: a rate limit that routes name."""

    name: Annotated[str, _says("What routes and the RateLimit fields call it.")]
    rate: Annotated[str, _says('How much may pass in which time, such as "100/1m".')]
    by: Annotated[list[KeyName], _says("Whose requests are counted together.")]
    burst: Annotated[
        Annotated[int, Meta(ge=1)] | None, _says("How much may pass at once; the whole count by default.")
    ] = None
    shadow: Annotated[bool, _says("Whether it only says what it would refuse.")] = False
    when_down: Annotated[WhenDownName, _says("What happens while requests cannot be counted.")] = "open"


class FailedRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[failed_authentication]`: how many bad credentials one address may present."""

    rate: Annotated[str, _says('How many in which time, such as "20/1m".')]
    burst: Annotated[Annotated[int, Meta(ge=1)] | None, _says("How many at once; the whole count by default.")] = (
        None
    )
    when_down: Annotated[WhenDownName, _says("What happens while they cannot be counted.")] = "open"


class RouteRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[route]]`: which requests it is for, and what they need. What no route is for is refused."""

    path: Annotated[str, _says("`/orders/{id}`: literals, `{name}` for one segment, `{name*}` for the rest.")]
    methods: Annotated[list[MethodName], Meta(min_length=1, description="The methods; GET opens HEAD too.")]
    name: Annotated[str, _says("What it is called in limits and explanations; its path by default.")] = ""
    scope: Annotated[list[str], _says("The scope names that the token carries, all of them.")] = []
    acr: Annotated[list[str], _says("Levels of authentication of which the token names one, the best first.")] = []
    max_age: Annotated[
        Annotated[int, Meta(ge=0)] | None, _says("How many seconds ago the end-user was authenticated at most.")
    ] = None
    claims: Annotated[
        dict[str, list[str | int | bool]],
        _says('Claims, each with the values of which it is or holds one; "/a/b" points into objects.'),
    ] = {}
    credentials: Annotated[
        list[CredentialName], _says("The kinds of credential that are taken; all by default.")
    ] = []
    public: Annotated[bool, _says("Whether requests without credentials pass. Bad ones never do.")] = False
    limits: Annotated[list[str], _says("The limits that it is charged to.")] = []
    cost: Annotated[int, Meta(ge=1, description="The units that one request takes from each limit.")] = 1
    insecure_stale_seconds: Annotated[
        int,
        Meta(ge=0, le=3600, description="For how long tokens are accepted of which nothing newer can be known."),
    ] = 0


class PolicyTables(Struct, forbid_unknown_fields=True, kw_only=True):
    """The file itself."""

    resource: Annotated[str, _says("The API: the audience that tokens must name.")]
    hosts: Annotated[list[str], _says("The hosts that requests may be for; any, where none is named.")] = []
    issuer: Annotated[list[IssuerRow], Meta(min_length=1, description="The authorization servers.")]
    client: Annotated[list[ClientRow], _says("The clients that sign tokens themselves.")] = []
    limit: Annotated[list[LimitRow], _says("The rate limits.")] = []
    failed_authentication: Annotated[FailedRow | None, _says("The limit of bad credentials.")] = None
    route: Annotated[list[RouteRow], Meta(min_length=1, description="The routes.")]


ROWS: Final[dict[str, type[Struct]]] = {
    "issuer": IssuerRow,
    "client": ClientRow,
    "limit": LimitRow,
    "failed_authentication": FailedRow,
    "route": RouteRow,
}
"""The tables within the file."""
