"""A process that keeps the keys of a tenant through many rotations, of which another one does the same at once.

Usage: key_keeper.py PATH ROUNDS. Time is simulated: a round is a minute, and each waits for a line on its input. It
says on standard output which steps it has done.
"""

import asyncio
import json
import sys

from contracts.stored_values import NOW, TENANT
from valetkey.adapters.keys.generation import KeyKeeper
from valetkey.adapters.keys.sealing import Sealer
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.authorization_server.decision import AddSigningKey
from valetkey.authorization_server.key_rotation import KeySchedule
from valetkey.oauth.types import NumericDate, Seconds

SCHEDULE = KeySchedule(("ES256", "Ed25519"), Seconds(600), Seconds(120))


async def keep(path: str, rounds: int) -> None:
    """Do what is due in each round, whoever is faster."""
    storage = await SqliteStorage.open(path)
    keeper = KeyKeeper(storage.stores(TENANT), TENANT, Sealer(bytes(range(32))), SCHEDULE)
    for number in range(rounds):
        sys.stdin.readline()
        done = await keeper.keep(NumericDate(NOW + 60 * number))
        said = [
            (type(step).__name__, step.key.kid if isinstance(step, AddSigningKey) else step.kid) for step in done
        ]
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    await storage.close()


if __name__ == "__main__":
    asyncio.run(keep(sys.argv[1], int(sys.argv[2])))
