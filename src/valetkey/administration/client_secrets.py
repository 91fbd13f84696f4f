"""What an operator does with the secrets of a client: several may live at once, each to its own end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.administration.clients import ClientAct, judged_client
from valetkey.administration.refusal import ActRefused, refuse_declared
from valetkey.authorization_server.client_algorithms import secret_use_of
from valetkey.authorization_server.client_secrets import draw_secret, live_secrets
from valetkey.oauth.types import NumericDate

if TYPE_CHECKING:
    from valetkey.administration.views import View
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client, Tenant
    from valetkey.authorization_server.ports import SealedSecrets
    from valetkey.oauth.types import Seconds


def add_secret(
    held: Client, lifetime: Seconds | None, tenant: Tenant, fresh: Fresh, vault: SealedSecrets
) -> ClientAct:
    """Draw a further secret that lives for `lifetime` seconds, or for good; the others stay. Raises ActRefused."""
    refuse_declared(f"client {held.client_id}", held.managed_by)
    method = held.authentication_method
    if not method.needs_secret:
        raise ActRefused(f"client {held.client_id} authenticates by {method.value} and has no secrets")
    drawn, secret = draw_secret(held.client_id, secret_use_of(held), fresh, vault)
    if lifetime is not None:
        drawn = replace(drawn, expires_at=NumericDate(fresh.now + lifetime))
    alive = live_secrets(held.secrets, secret_use_of(held), fresh.now)
    return judged_client(replace(held, secrets=(drawn, *alive)), tenant, secret)


def expire_secret(held: Client, secret_id: str, after: Seconds, tenant: Tenant, fresh: Fresh) -> ClientAct:
    """Let one secret end in `after` seconds, at once with 0; raises ActRefused for the last living one."""
    refuse_declared(f"client {held.client_id}", held.managed_by)
    if all(each.secret_id != secret_id for each in held.secrets):
        raise ActRefused(
            f"client {held.client_id} has no secret {secret_id}: see `valetkey client secret list {held.client_id}`"
        )
    others = [each for each in held.secrets if each.secret_id != secret_id and each.is_live(fresh.now)]
    if not others:
        raise ActRefused(
            f"{secret_id} is the last secret of client {held.client_id} that lives: add another with "
            f"`valetkey client secret add {held.client_id}`, or disable the client"
        )
    end = NumericDate(fresh.now + after)
    secrets = tuple(replace(each, expires_at=end) if each.secret_id == secret_id else each for each in held.secrets)
    return judged_client(replace(held, secrets=secrets), tenant, None)


def secret_views(client: Client, now: NumericDate) -> list[View]:
    """Return what may be shown of a client's secrets, newest first; times are seconds since the epoch."""
    newest = sorted(client.secrets, key=lambda each: each.created_at, reverse=True)
    return [
        {
            "secret_id": each.secret_id,
            "created_at": each.created_at,
            "expires_at": each.expires_at,
            "live": each.is_live(now),
        }
        for each in newest
    ]
