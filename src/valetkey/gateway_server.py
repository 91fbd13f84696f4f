"""The composition root of the gateway: policy, contracts, limits and the session layer meet their adapters here."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from valetkey.adapters.storage.memory.gateway_sessions import MemorySessionRecords
from valetkey.adapters.storage.sqlite.gateway_sessions import SqliteSessionRecords
from valetkey.gateway.application import DecisionApplication
from valetkey.gateway.assertion import AssertionSigner
from valetkey.gateway.contracts import CONTRACTS
from valetkey.gateway.hearing import Hearing, SignalRow, hear, parse_signals
from valetkey.gateway.service import DecisionService
from valetkey.gateway.session.settings import SessionSettingsError
from valetkey.gateway.session.settings_table import parse_session
from valetkey.gateway.settings import (
    BadGateway,
    GatewaySettings,
    ServingRow,
    parse_gateway,
    parse_place,
    parse_serving,
)
from valetkey.jose import InvalidKey, Jwk
from valetkey.resource_server.building import Surroundings, build_guard
from valetkey.resource_server.memory_limiter import MemoryLimiter
from valetkey.resource_server.policy_file import BadPolicy, parse_policy
from valetkey.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import TypeVar

    from valetkey.adapters.log import StderrLog
    from valetkey.client.session_records import SessionRecords
    from valetkey.gateway.contracts.contract import HttpContract
    from valetkey.gateway.session.application import SessionApplication
    from valetkey.gateway.session.settings import SessionSettings
    from valetkey.resource_server.building import BuiltGuard
    from valetkey.resource_server.limits import Limiter
    from valetkey.settings.guard_file import GuardFile

    Given = TypeVar("Given")
    Found = TypeVar("Found")

ENVOY_GRPC: Final = "envoy-grpc"
SESSION_LISTEN: Final = "127.0.0.1:4190"
_NAMES: Final = frozenset({*CONTRACTS, ENVOY_GRPC})


class GatewayPlan(Struct, frozen=True):
    """What a file says that is to be run, judged whole before anything is: nothing is opened yet."""

    file: GuardFile
    gateway: GatewaySettings | None
    session: SessionSettings | None
    session_listen: tuple[str, int]
    serving: ServingRow
    signals: tuple[SignalRow, ...]

    @property
    def http_contracts(self) -> dict[str, HttpContract]:
        """The contracts over HTTP that the file names."""
        named = () if self.gateway is None else self.gateway.row.contracts
        return {name: CONTRACTS[name] for name in named if name in CONTRACTS}

    @property
    def serves_grpc(self) -> bool:
        """Whether Envoy asks over gRPC."""
        return self.gateway is not None and ENVOY_GRPC in self.gateway.row.contracts


class RunningGateway(Struct, frozen=True):
    """What is served."""

    decisions: DecisionApplication | None
    service: DecisionService | None
    session: SessionApplication | None


def plan_gateway(file: GuardFile) -> GatewayPlan:
    """Return what `file` asks for; raises SettingsError with every fault of its tables, a line each."""
    faults: list[str] = []
    if file.gateway is None and file.session is None:
        faults.append("a gateway has a table [gateway], for proxies that ask, or [session], for browsers, or both")
    gateway = _told(faults, _gateway, file)
    session = _told(faults, _session_of, file)
    place = _told(faults, _session_place, file)
    serving = _told(faults, parse_serving, file.serving)
    signals = _told(faults, parse_signals, file.signals) or ()
    if signals and gateway is None:
        faults.append("signals: they end what proxies ask about, and there is no table [gateway]")
    if serving is not None and serving.workers > 1 and any(row.authorization_file for row in signals):
        faults.append("signals: a push reaches one process alone; let each poll, or set serving.workers to 1")
    if session is not None and session.database is None and serving is not None and serving.workers > 1:
        faults.append("session.database: several workers need a file to keep sessions in together")
    if "client" in file.policy and serving is not None and serving.workers > 1:
        # Each worker remembers for itself: a token that counts once would count once in each.
        faults.append("client: tokens that clients sign count once, and only one worker can remember which")
    if faults or serving is None:
        raise SettingsError(tuple(faults))
    return GatewayPlan(file, gateway, session, place or ("", 0), serving, signals)


def _told(faults: list[str], read: Callable[[Given], Found | None], given: Given) -> Found | None:
    try:
        return read(given)
    except (BadGateway, BadPolicy, SessionSettingsError) as error:
        faults.extend(error.faults)
        return None


def _gateway(file: GuardFile) -> GatewaySettings | None:
    if file.gateway is None:
        if file.policy:
            names = ", ".join(sorted(file.policy))
            raise BadGateway([f"{names}: a policy is judged for proxies, and there is no table [gateway]"])
        return None
    faults: list[str] = []
    _told(faults, parse_policy, file.policy)
    table = file.gateway
    settings = _told(faults, lambda found: parse_gateway(found, _NAMES), table)
    if faults:
        raise BadGateway(faults)
    return settings


def _session_of(file: GuardFile) -> SessionSettings | None:
    if file.session is None:
        return None
    return parse_session({name: value for name, value in file.session.items() if name != "listen"})


def _session_place(file: GuardFile) -> tuple[str, int] | None:
    if file.session is None:
        return None
    try:
        return parse_place(str(file.session.get("listen", SESSION_LISTEN)))
    except ValueError as error:
        raise BadGateway([f"session.listen: {error}"]) from None


@asynccontextmanager
async def open_gateway(plan: GatewayPlan, log: StderrLog) -> AsyncIterator[RunningGateway]:
    """Build everything that the plan asks for, and close it again; raises SettingsError where a file is bad."""
    async with AsyncExitStack() as stack:
        service, decisions, session = None, None, None
        if plan.gateway is not None:
            hearing = _hearing(plan, stack)
            service, built = await _service(plan, plan.gateway, log, stack, hearing)
            endpoints = {} if hearing is None else hearing.endpoints
            decisions = DecisionApplication(service, plan.http_contracts, plan.gateway.peers, endpoints)
            # What the feeds have told so far is read before a balancer sends anybody here.
            settling = asyncio.get_running_loop().create_task(built.settle())
            settling.add_done_callback(decisions.settling())
            stack.callback(settling.cancel)
        if plan.session is not None:
            session = await _session(plan.session, stack)
        yield RunningGateway(decisions, service, session)


def _hearing(plan: GatewayPlan, stack: AsyncExitStack) -> Hearing | None:
    try:
        return hear(plan.signals, plan.file.secrets, stack)
    except BadGateway as error:
        raise SettingsError(error.faults) from None


async def _service(
    plan: GatewayPlan, settings: GatewaySettings, log: StderrLog, stack: AsyncExitStack, hearing: Hearing | None
) -> tuple[DecisionService, BuiltGuard]:
    limiter = await _limiter(plan, settings, log, stack)
    signals = None if hearing is None else hearing.signals
    surroundings = Surroundings(secrets=plan.file.secrets, limiter=limiter, signals=signals)
    try:
        built = build_guard(plan.file.policy, surroundings)
        signer = _signer(plan, settings, built)
    except BadPolicy as error:
        raise SettingsError(error.faults) from None
    stack.push_async_callback(built.aclose)

    def report(fault: Exception) -> None:
        log.write("gateway.failed", error=type(fault).__name__)

    service = DecisionService(built.guard, signer, names_plainly=settings.row.plain_identity, report=report)
    return service, built


async def _limiter(plan: GatewayPlan, settings: GatewaySettings, log: StderrLog, stack: AsyncExitStack) -> Limiter:
    if not settings.row.valkey_url_file:
        return MemoryLimiter()
    from valetkey.adapters.limits.valkey import ValkeyLimiter  # noqa: PLC0415 - an extra of its own

    try:
        url = plan.file.secrets.read_secret(settings.row.valkey_url_file).decode()
        limiter = ValkeyLimiter(url, log)
    except (OSError, ValueError) as error:
        raise SettingsError((f"gateway.valkey_url_file: {error}",)) from None
    stack.push_async_callback(limiter.close)
    return limiter


def _signer(plan: GatewayPlan, settings: GatewaySettings, built: BuiltGuard) -> AssertionSigner | None:
    row = settings.row.assertion
    if row is None:
        return None
    try:
        key = Jwk.parse(plan.file.secrets.read_secret(row.key_file), algorithm="ES256")
        audience = row.audience or built.guard.policy.resource
        return AssertionSigner(key, issuer=row.issuer, audience=audience, lifetime=row.lifetime)
    except (OSError, ValueError, InvalidKey) as error:
        hint = "valetkey jwt key generate ES256 --output FILE writes one"
        raise SettingsError((f"gateway.assertion.key_file: {error} ({hint})",)) from None


async def _session(settings: SessionSettings, stack: AsyncExitStack) -> SessionApplication:
    from valetkey.gateway.session.application import SessionApplication  # noqa: PLC0415 - who serves no browser has no need

    records = await _records(settings, stack)
    return await stack.enter_async_context(SessionApplication(settings, records))


async def _records(settings: SessionSettings, stack: AsyncExitStack) -> SessionRecords:
    if settings.database is None:
        return MemorySessionRecords()
    records = SqliteSessionRecords(settings.database)
    stack.push_async_callback(records.close)
    return records
