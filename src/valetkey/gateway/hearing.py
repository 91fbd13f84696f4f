"""What the gateway hears of other vendors' products: the tables `[[signals]]`, pushed to it or polled by it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, Protocol

import msgspec
from msgspec import Struct

from valetkey.client import AsyncMachineTokens, AsyncOAuthClient, ClientSecretBasic
from valetkey.gateway.settings import BadGateway, says, unknown_keys
from valetkey.jose import AsyncRemoteJwkSet, ConfigurationError
from valetkey.oauth.types import Issuer
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.signal_endpoint import SignalEndpoint
from valetkey.resource_server.signal_following import SignalPolling
from valetkey.resource_server.signal_polling import safe_endpoint
from valetkey.resource_server.signals import Signals, Transmitter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AsyncExitStack

    from valetkey.oauth.access_token import AccessToken
    from valetkey.resource_server.trusted_issuer import SignalSource

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_SCOPE: Final = "ssf.manage"


class SignalRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[signals]]`: what another vendor tells of sessions and accounts that ended (Shared Signals)."""

    name: Annotated[str, says("What it is called; pushes go to `/signals/NAME` of the service.")]
    transmitter: Annotated[str, says("The issuer of its events.")]
    audience: Annotated[str, says("What its events name as `aud`: as whom it knows us.")]
    jwks_uri: Annotated[str, says("Where its keys are, if not at `/jwks.json` below it.")] = ""
    issuers: Annotated[list[str], says("The issuers whose tokens it may end; its own by default.")] = []
    authorization_file: Annotated[str, says("Pushed: the file with the header that its stream was given.")] = ""
    poll_url: Annotated[str, says("Polled: where its events are, as `valetkey signals connect` prints it.")] = ""
    client_id: Annotated[str, says("Polled: as whom a token for that is got.")] = ""
    client_secret_file: Annotated[str, says("Polled: the file with the secret of that client.")] = ""


class SecretFiles(Protocol):
    """Reads the files that the tables name."""

    def read_secret(self, name: str) -> bytes:
        """Return the content of a file that other users cannot read; raises OSError and ValueError."""
        ...


class HeardSignals:
    """All that was heard, as one source: what any transmitter ended is dead."""

    def __init__(self, sources: Sequence[SignalSource]) -> None:
        self._sources = tuple(sources)

    def judge(self, token: AccessToken) -> Verdict:
        """Return REVOKED for a token that an event ended; UNKNOWN says nothing."""
        if any(source.judge(token) is Verdict.REVOKED for source in self._sources):
            return Verdict.REVOKED
        return Verdict.UNKNOWN


class Hearing(Struct, frozen=True):
    """What is heard, and where it is pushed to, by the name of its table."""

    signals: HeardSignals
    endpoints: Mapping[str, SignalEndpoint]


def parse_signals(tables: Sequence[object]) -> tuple[SignalRow, ...]:
    """Return the tables `[[signals]]`; raises BadGateway with every fault."""
    faults: list[str] = []
    rows: list[SignalRow] = []
    for number, table in enumerate(tables, 1):
        where = f"signals {number}"
        unknown = unknown_keys(table, SignalRow, where) if isinstance(table, dict) else []
        faults.extend(unknown)
        if unknown:
            continue
        try:
            row = msgspec.convert(table, SignalRow)
        except msgspec.ValidationError as error:
            faults.append(f"{where}: {str(error).replace('`', '').replace(' - at $.', ', in ')}")
            continue
        faults.extend(f"signals {row.name!r}: {fault}" for fault in _faults_of(row))
        rows.append(row)
    names = [row.name for row in rows]
    faults.extend(
        f"signals: {name!r} is named twice" for name in sorted({one for one in names if names.count(one) > 1})
    )
    if faults:
        raise BadGateway(faults)
    return tuple(rows)


def _faults_of(row: SignalRow) -> list[str]:
    faults: list[str] = []
    if not _NAME.fullmatch(row.name):
        faults.append("a name is written with a-z, 0-9, '_' and '-'")
    try:
        Issuer.parse(row.transmitter)
    except ValueError as error:
        faults.append(f"transmitter: {error}")
    if bool(row.authorization_file) == bool(row.poll_url):
        faults.append("its events are pushed, with authorization_file, or polled, with poll_url: one of the two")
    if bool(row.poll_url) != bool(row.client_id and row.client_secret_file):
        faults.append("poll_url, client_id and client_secret_file are given together")
    if row.poll_url:
        try:
            safe_endpoint(row.poll_url)
        except ValueError as error:
            faults.append(f"poll_url: {error}")
    return faults


def hear(rows: Sequence[SignalRow], secrets: SecretFiles, stack: AsyncExitStack) -> Hearing | None:
    """Begin to hear what the tables name; None without any. Raises BadGateway for a file that cannot be used.

    What is polled is followed from the first request on, and no longer once `stack` is left.
    """
    sources: list[SignalSource] = []
    endpoints: dict[str, SignalEndpoint] = {}
    faults: list[str] = []
    for row in rows:
        keys = AsyncRemoteJwkSet(row.jwks_uri or f"{row.transmitter}/jwks.json")
        try:
            signals = Signals(Transmitter(row.transmitter, row.audience, tuple(row.issuers)), keys)
            if row.authorization_file:
                header = secrets.read_secret(row.authorization_file).decode("ascii")
                endpoints[row.name] = SignalEndpoint(signals, header)
                sources.append(signals)
            else:
                sources.append(_polling(row, signals, secrets, stack))
        except (OSError, ValueError, ConfigurationError) as error:
            faults.append(f"signals {row.name!r}: {error}")
    if faults:
        raise BadGateway(faults)
    return Hearing(HeardSignals(sources), endpoints) if sources else None


def _polling(row: SignalRow, signals: Signals, secrets: SecretFiles, stack: AsyncExitStack) -> SignalPolling:
    secret = secrets.read_secret(row.client_secret_file).decode()
    client = AsyncOAuthClient(row.transmitter, row.client_id, ClientSecretBasic(secret))
    tokens = AsyncMachineTokens(client, _SCOPE)

    async def authorization() -> str:
        return f"Bearer {await tokens.access_token()}"

    polling = SignalPolling(row.poll_url, signals, authorization)
    stack.push_async_callback(client.aclose)
    stack.push_async_callback(polling.aclose)
    return polling
