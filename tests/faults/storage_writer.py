"""A process that writes until it is killed, or races another one for what can be won once.

Usage: storage_writer.py grant PATH FIRST | race PATH CHANGE. It says on standard output what was committed.
The environment variable RACE_ROUNDS says how many rounds a race has.
"""

import asyncio
import os
import sys
from dataclasses import replace
from itertools import count

from contracts.stored_values import (
    AUTHORIZATION,
    CODE,
    DEVICE_CODE,
    NOW,
    REFRESH_TOKEN,
    SUCCESSOR,
    TENANT,
    digest,
    later,
)
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.authorization_server.decision import (
    AddDeviceCode,
    AddRefreshToken,
    ApproveDeviceCode,
    BurnJti,
    Change,
    GrantAuthorization,
    RecordPoll,
    RedeemCode,
    RedeemDeviceCode,
    RotateRefreshToken,
)
from valetkey.authorization_server.device.codes import Polling
from valetkey.authorization_server.ports import Stores
from valetkey.oauth.types import AuthorizationId, Seconds

ROUNDS = int(os.environ.get("RACE_ROUNDS", "500"))


def granted(number: int) -> tuple[Change, ...]:
    """An authorization, its code and its refresh token: three rows that stand or fall together."""
    name = AuthorizationId(f"authorization-{number}")
    authorization = replace(AUTHORIZATION, authorization_id=name, sid=None, bound_to_session=False)
    code = replace(CODE, digest=digest(f"code-{number}"), authorization_id=name)
    token = replace(REFRESH_TOKEN, digest=digest(f"refresh-{number}"), authorization_id=name)
    return GrantAuthorization(authorization, code), AddRefreshToken(token)


def waiting(number: int) -> tuple[Change, ...]:
    """A device code that was allowed, and one that nobody answered."""
    named = replace(DEVICE_CODE, digest=digest(f"device-{number}"), user_code_digest=digest(f"user-{number}"))
    open_ = replace(DEVICE_CODE, digest=digest(f"open-{number}"), user_code_digest=digest(f"asked-{number}"))
    approved = ApproveDeviceCode(named.digest, AuthorizationId(f"authorization-{number}"), NOW)
    return AddDeviceCode(named), AddDeviceCode(open_), approved


def prize(change: str, number: int) -> Change:
    """What two processes race for in round `number`."""
    if change == "BurnJti":
        return BurnJti("race", digest(str(number)), later(60), NOW)
    if change == "RotateRefreshToken":
        # Whose successor it is, tells the process: no two ever draw the same one.
        name = AuthorizationId(f"authorization-{number}")
        successor = replace(SUCCESSOR, digest=digest(f"successor-{number}-{os.getpid()}"), authorization_id=name)
        return RotateRefreshToken(digest(f"refresh-{number}"), successor, None, later(1))
    if change == "RedeemDeviceCode":
        return RedeemDeviceCode(digest(f"device-{number}"), NOW)
    if change == "RecordPoll":
        return RecordPoll(digest(f"open-{number}"), DEVICE_CODE.polling, Polling(Seconds(5), NOW))
    return RedeemCode(digest(f"code-{number}"), NOW)


async def _grant_for_ever(stores: Stores, first: int) -> None:
    numbers = count(first)

    async def grant() -> None:
        for number in numbers:
            if await stores.commit(granted(number)):
                # One write of a few bytes: whole, or not at all, also for who is killed.
                os.write(sys.stdout.fileno(), f"{number}\n".encode())

    await asyncio.gather(*(grant() for _ in range(40)))


async def _race(stores: Stores, change: str) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    for start in range(0, ROUNDS, 25):
        rounds = range(start, min(start + 25, ROUNDS))
        won = await asyncio.gather(*(stores.commit([prize(change, number)]) for number in rounds))
        for number, first in zip(rounds, won, strict=True):
            if first:
                sys.stdout.write(f"{number}\n")


async def main() -> None:
    """Does what the command line says."""
    mode, path, argument = sys.argv[1:]
    storage = await SqliteStorage.open(path)
    if mode == "grant":
        await _grant_for_ever(storage.stores(TENANT), int(argument))
    else:
        await _race(storage.stores(TENANT), argument)
    await storage.close()


if __name__ == "__main__":
    asyncio.run(main())
