"""All that a tenant keeps under the key-encryption key before, sealed anew under the one of now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.adapters.keys import factor_keys, generation, stream_secrets
from valetkey.adapters.keys.client_secrets import SealedClientSecrets
from valetkey.adapters.keys.sealing import SealBroken
from valetkey.authorization_server.key_changes import ResealedValue, ResealSecrets, SealedKind
from valetkey.oauth.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from valetkey.adapters.keys.sealing import Sealer
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.ports import Stores
    from valetkey.oauth.types import TenantId


async def resealed(stores: Stores, tenant: TenantId, sealer: Sealer) -> ResealSecrets:
    """Return the change that seals anew what the key before has sealed; it has nothing in it where all is done.

    Raises Unavailable where a value opens under neither key, and when the store cannot say.
    """
    # Read before all others: whatever is changed meanwhile, the commit loses.
    version = await stores.signing_keys.version()
    values = [
        value
        async for kind, name, purpose, place, before in _sealed(stores, tenant)
        if (value := _anew(sealer, ResealedValue(kind, name, before, b""), purpose, place))
    ]
    secrets = SealedClientSecrets(sealer, tenant)
    clients = tuple(client for each in await stores.clients.list() for client in _client_anew(secrets, each))
    return ResealSecrets(version, tuple(values), clients)


async def _sealed(stores: Stores, tenant: TenantId) -> AsyncIterator[tuple[SealedKind, str, str, str, bytes]]:
    for key in await stores.signing_keys.list():
        place = generation.place_of(tenant, key.kid)
        yield SealedKind.PRIVATE_KEY, key.kid, generation.PURPOSE, place, key.sealed_private_jwk
    for purpose, sealed in (await stores.tenant_secrets.list()).items():
        yield SealedKind.TENANT_SECRET, purpose, purpose, tenant, sealed
    for factor in await stores.second_factors.list():
        place = factor_keys.place_of(tenant, factor.subject, factor.factor_id)
        yield SealedKind.ONE_TIME_CODE_KEY, factor.subject, factor_keys.PURPOSE, place, factor.sealed_key
    for stored in await stores.streams.list():
        stream = stored.stream
        if stream.delivery.sealed_authorization is not None:
            place = stream_secrets.place_of(tenant, stream.stream_id)
            sealed = stream.delivery.sealed_authorization
            yield SealedKind.STREAM_HEADER, stream.stream_id, stream_secrets.PURPOSE, place, sealed


def _anew(sealer: Sealer, value: ResealedValue, purpose: str, place: str) -> ResealedValue | None:
    try:
        after = sealer.reseal(purpose, place, value.before)
    except SealBroken:
        raise Unavailable(f"the {value.kind.value} {value.name}, which neither key-encryption key opens,") from None
    return None if after is None else replace(value, after=after)


def _client_anew(secrets: SealedClientSecrets, client: Client) -> Iterator[Client]:
    anew = tuple(secrets.reseal(client.client_id, secret) for secret in client.secrets)
    # What is sealed takes no part in the comparison of two secrets.
    if any(after is not before for after, before in zip(anew, client.secrets, strict=True)):
        yield replace(client, secrets=anew)
