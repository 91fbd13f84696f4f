"""device_code: a device asks again and again until its end-user has answered elsewhere (RFC 8628, 3.4 and 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.decision import (
    EndUserIssue,
    RecordPoll,
    RedeemDeviceCode,
    Refuse,
    RevokeAuthorization,
)
from valetkey.authorization_server.device.codes import Polling, StoredDeviceCode
from valetkey.authorization_server.grants.grant import invalid_grant, is_alive
from valetkey.authorization_server.grants.refresh_token import first_link
from valetkey.authorization_server.model import ConsentAnswer, Resource
from valetkey.authorization_server.rights import narrowed
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import GrantType, OpaqueToken, Seconds, TokenDigest

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Changes, Decision
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.parameters import Parameters
    from valetkey.oauth.types import NumericDate

DEVICE_CODE: Final = GrantType("urn:ietf:params:oauth:grant-type:device_code")
SLOWER: Final = 5
"""Seconds by which the interval grows for good with each poll that comes too early (RFC 8628, 3.5)."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What a token request asks for with a device code."""

    digest: TokenDigest
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What decides: the device code with what was granted for it, and the resource servers of now."""

    found: StoredDeviceCode | None
    catalogue: Sequence[Resource]


class DeviceCodeGrant:
    """A device code is redeemed, once, after an end-user has allowed it (RFC 8628, 3.4)."""

    grant_type = DEVICE_CODE
    parameters = frozenset({"device_code", "resource"})
    repeatable = frozenset({"resource"})

    def parse(self, form: Parameters) -> Poll:
        """Return what was asked; a `scope` has no meaning here and is ignored."""
        code = OpaqueToken.presented(form.require("device_code", "RFC8628-3.4/device-code"))
        return Poll(code.digest(), form.all("resource"))

    async def load(
        self, asked: Poll, client: Client, server: AuthorizationServer, fresh: Fresh, address: str
    ) -> DeviceFacts:
        """Read the device code, and the catalogue, which is cached."""
        del client, fresh, address
        return DeviceFacts(
            await server.stores.device_codes.find(asked.digest), await server.stores.resources.list()
        )

    def decide(self, asked: Poll, facts: DeviceFacts, client: Client, policy: Policy, fresh: Fresh) -> Decision:
        """Judge: what was answered ends the waiting, however early the device comes for it."""
        found = facts.found
        if found is None or found.code.client_id != client.client_id:
            return Refuse(
                invalid_grant("The device_code was not issued to this client.", "RFC6749-5.2/other-client")
            )
        refusal = _ended(found, fresh.now) or _unanswered(found, fresh.now)
        if refusal is not None:
            return refusal
        if found.stored is None or not is_alive(found.stored, fresh.now):
            # A password change, a sign-out everywhere or an operator came in between.
            return Refuse(_denied("What the end-user allowed was taken back.", "RFC8628-3.5/denied"))
        authorization = found.stored.authorization
        try:
            rights = narrowed(authorization, None, asked.resources, client, facts.catalogue)
        except OAuthError as error:
            return Refuse(error)
        token, changes = first_link(authorization, client, policy, fresh, authorization.confirmation)
        return EndUserIssue(
            found.stored,
            rights.scope,
            rights.resources,
            refresh_token=token,
            id_token_nonce_applies=False,
            changes=(RedeemDeviceCode(found.code.digest, fresh.now), *changes),
        )


def _ended(found: StoredDeviceCode, now: NumericDate) -> Refuse | None:
    code = found.code
    if code.redeemed_at is not None:
        # Whoever comes second shares the code with whoever came first: what that bought is unsafe too.
        changes: Changes = ()
        if found.stored is not None and found.stored.authorization.revoked_at is None:
            changes = (RevokeAuthorization(found.stored.authorization.authorization_id, now),)
        return Refuse(invalid_grant("The device_code was used before.", "RFC6749-5.2/revoked"), changes)
    if code.answer is ConsentAnswer.DENIED:
        return Refuse(_denied("The end-user declined.", "RFC8628-3.5/denied"))
    if now >= code.expires_at:
        return Refuse(_expired("The device_code has expired."))
    if code.answer is None and not found.is_pending(now):
        return Refuse(_expired("The device_code was withdrawn: begin anew."))
    return None


def _unanswered(found: StoredDeviceCode, now: NumericDate) -> Refuse | None:
    code, polling = found.code, found.code.polling
    if code.answer is not None:
        return None
    if polling.polled_at is None or now >= polling.polled_at + polling.interval:
        pending = OAuthError(
            ErrorCode.AUTHORIZATION_PENDING, "The end-user has not answered yet.", "RFC8628-3.5/pending"
        )
        return Refuse(pending, (RecordPoll(code.digest, polling, replace(polling, polled_at=now)),))
    slower = Polling(Seconds(polling.interval + SLOWER), now)
    # Once the next poll that is due comes after the end, a device that never waits costs no writes any more.
    is_over = now + polling.interval >= code.expires_at
    return Refuse(
        OAuthError(ErrorCode.SLOW_DOWN, "Wait 5 seconds longer between polls.", "RFC8628-3.5/slow-down"),
        () if is_over else (RecordPoll(code.digest, polling, slower),),
    )


def _denied(description: str, requirement: str) -> OAuthError:
    return OAuthError(ErrorCode.ACCESS_DENIED, description, requirement)


def _expired(description: str) -> OAuthError:
    return OAuthError(ErrorCode.EXPIRED_TOKEN, description, "RFC8628-3.5/expired")
