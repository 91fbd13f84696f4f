"""The file lock excludes, and who waits comes next."""

import fcntl
import os
import threading
from pathlib import Path

import pytest

from valetkey.adapters.storage.sqlite.lock import FairFileLock


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        lock = FairFileLock(str(tmp_path / "valetkey.db"))
        for _ in range(200):
            with lock:
                inside += 1
                most = max(most, inside)
                inside -= 1
        lock.close()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def someone_waits(database: str) -> bool:
    turnstile = os.open(database + "-turnstile", os.O_RDWR)
    try:
        fcntl.flock(turnstile, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(turnstile)
    return False


@pytest.mark.parametrize("_round", range(20))
def test_who_waits_comes_before_the_holder_comes_again(tmp_path: Path, _round: int) -> None:
    database, turns = str(tmp_path / "valetkey.db"), list[str]()

    def wait_for_a_turn() -> None:
        lock = FairFileLock(database)
        with lock:
            turns.append("waiter")
        lock.close()

    holder = FairFileLock(database)
    waiter = threading.Thread(target=wait_for_a_turn)
    with holder:
        waiter.start()
        while not someone_waits(database):
            pass
    with holder:
        turns.append("holder")
    waiter.join()
    holder.close()
    assert turns == ["waiter", "holder"]


def test_a_closed_lock_lets_the_next_one_in(tmp_path: Path) -> None:
    path = str(tmp_path / "valetkey.db")
    first = FairFileLock(path)
    first.__enter__()
    first.close()
    second = FairFileLock(path)
    with second:
        pass
    second.close()
