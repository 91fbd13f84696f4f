"""The device authorization endpoint (RFC 8628, 3.1 and 3.2): a device gets a code to wait with, and one to show."""

from __future__ import annotations

from dataclasses import field
from itertools import count
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from valetkey.authorization_server import paths
from valetkey.authorization_server.budgets import Budget, counted, network_of, wait_for
from valetkey.authorization_server.client_request import judge_as_client, parse_client_request
from valetkey.authorization_server.cors import allow_origin, readable
from valetkey.authorization_server.decision import AddDeviceCode, Changes
from valetkey.authorization_server.device.codes import DeviceCode, Polling
from valetkey.authorization_server.device.user_code import digest_of, spelled, user_code
from valetkey.authorization_server.grants.device_code import DEVICE_CODE
from valetkey.authorization_server.rights import rights_for
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import json_response
from valetkey.oauth.types import NumericDate, OpaqueToken, Scope

if TYPE_CHECKING:
    from valetkey.authorization_server.client_request import ClientRequest
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse

PREFIX: Final = "vk_dc_"


class TooManyDevices(OAuthError):
    """A public client asked too often from one network (RFC 6585, 4)."""

    @property
    def status(self) -> int:
        """429, which no code of the registry has."""
        return 429


@dataclass(frozen=True, slots=True)
class _Started:
    row: DeviceCode
    device_code: OpaqueToken = field(repr=False)
    user_code: str = field(repr=False)


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with both codes; raises OAuthError and Unavailable."""
    asked = parse_client_request(request, server, "RFC8628-3.1/form")
    rounds = count()

    async def judge(client: Client) -> tuple[HttpResponse | OAuthError, Changes]:
        headers = allow_origin(request, client)
        budgets = _budgets(request, client)
        try:
            await _refuse_too_many(budgets, server, asked)
            # A user code that is taken is drawn anew, and `fresh` gives other values only under another name.
            started = await _started(asked, client, server, next(rounds))
        except OAuthError as error:
            return readable(error, headers) if not isinstance(error, TooManyDevices) else error, ()
        answer = json_response(200, _document(started, server)).with_headers(*headers)
        return answer, (AddDeviceCode(started.row), *counted(budgets, asked.fresh.now))

    outcome = await judge_as_client(asked, server, judge)  # RFC8628-3.1/client-authentication
    if isinstance(outcome, OAuthError):
        raise outcome
    return outcome


async def _started(asked: ClientRequest, client: Client, server: AuthorizationServer, attempt: int) -> _Started:
    policy, fresh = server.policy_for(client), asked.fresh
    _judge_grant(client, policy)
    scope = asked.form.get("scope")
    rights = rights_for(
        None if scope is None else Scope.parse(scope),
        asked.form.all("resource"),
        client,
        await server.stores.resources.list(),
        policy,
    )
    token = fresh.token(PREFIX, f"device code {attempt}")  # RFC8628-5.2/entropy
    shown = user_code(fresh.draw(f"user code {attempt}"))  # RFC8628-5.1/entropy
    row = DeviceCode(
        digest=token.digest(),
        user_code_digest=digest_of(shown),
        client_id=client.client_id,
        scope=rights.scope,
        resources=rights.resources,
        generations=await server.stores.clients.generations(client.client_id),
        created_at=fresh.now,
        expires_at=NumericDate(fresh.now + policy.device_code_lifetime),
        polling=Polling(policy.device_polling_interval),
    )
    return _Started(row, token, shown)


def _judge_grant(client: Client, policy: Policy) -> None:
    if DEVICE_CODE not in client.grant_types or DEVICE_CODE not in policy.grant_types:
        raise OAuthError(
            ErrorCode.UNAUTHORIZED_CLIENT,
            "The client is not registered for this grant_type.",
            "RFC6749-5.2/unauthorized-client",
        )


def _document(started: _Started, server: AuthorizationServer) -> dict[str, object]:
    # RFC8628-3.2/response
    page, shown = server.issuer.endpoint(paths.DEVICE), spelled(started.user_code)
    row = started.row
    return {
        "device_code": started.device_code.reveal(),
        "user_code": shown,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?{urlencode({'user_code': shown})}",
        "expires_in": row.expires_at - row.created_at,
        "interval": row.polling.interval,
    }


def _budgets(request: HttpRequest, client: Client) -> tuple[Budget, ...]:
    # Anybody can say that they are a public client, and each request is a row in the store.
    if not client.is_public:
        return ()
    network = network_of(request.remote_address)
    return (
        Budget(f"device_authorization {client.client_id} {network}", interval=2, burst=60),
        # Where clients register themselves, one network may have as many of them as it likes.
        Budget(f"device_authorization {network}", interval=1, burst=200),
    )


async def _refuse_too_many(budgets: tuple[Budget, ...], server: AuthorizationServer, asked: ClientRequest) -> None:
    wait = await wait_for(budgets, server.stores, asked.fresh.now)
    if wait:
        raise TooManyDevices(
            ErrorCode.TEMPORARILY_UNAVAILABLE,
            "Too many devices were started from this network: wait.",
            "RFC8628-5.1/rate",
            headers=(("retry-after", str(wait)),),
        )
