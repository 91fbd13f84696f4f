import multiprocessing
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from valetkey.client import FileTokenStore, MemoryTokenStore, StoreFailed, TokenStore

WRITERS = 4
ROUNDS = 50


def stores(folder: Path) -> list[TokenStore]:
    return [MemoryTokenStore(), FileTokenStore(folder / "deep" / "tokens.json")]


def add_one(store: TokenStore, rounds: int) -> None:
    """Count in the document, as whoever loses a swap has to: by reading again."""
    for _ in range(rounds):
        while True:
            document = store.load()
            if store.swap(document, str(int(document or b"0") + 1).encode()):
                break


def add_one_in_file(path: str, rounds: int) -> None:
    add_one(FileTokenStore(path), rounds)


def test_only_who_knows_the_present_document_replaces_it(tmp_path: Path) -> None:
    for store in stores(tmp_path):
        assert store.load() is None
        assert not store.swap(b"guess", b"1")
        assert store.swap(None, b"1")
        assert not store.swap(None, b"2")
        assert store.swap(b"1", b"2")
        assert store.load() == b"2"


def test_no_swap_of_many_threads_is_lost(tmp_path: Path) -> None:
    for store in stores(tmp_path):
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda _, one=store: add_one(one, ROUNDS), range(WRITERS)))
        assert store.load() == str(WRITERS * ROUNDS).encode()


def test_no_swap_of_many_processes_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=add_one_in_file, args=(str(path), ROUNDS)) for _ in range(WRITERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert FileTokenStore(path).load() == str(WRITERS * ROUNDS).encode()


def test_the_file_and_its_folder_are_their_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        path = tmp_path / "deep" / "tokens.json"
        assert FileTokenStore(path).swap(None, b"1")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()} == {0o600}
    assert {found.name for found in path.parent.iterdir()} == {"tokens.json", "tokens.json.lock"}


def test_a_file_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    store = FileTokenStore(path)
    assert store.swap(None, b"1")
    path.chmod(0o640)
    with pytest.raises(StoreFailed, match="chmod 600"):
        store.load()
    with pytest.raises(StoreFailed):
        store.swap(b"1", b"2")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"1")
    (tmp_path / "theirs").chmod(0o600)
    (tmp_path / "tokens.json").symlink_to(tmp_path / "theirs")
    with pytest.raises(StoreFailed):
        FileTokenStore(tmp_path / "tokens.json").load()


def test_a_folder_in_the_place_of_the_file_is_a_failure_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").mkdir()
    with pytest.raises(StoreFailed):
        FileTokenStore(tmp_path / "tokens.json").load()


def test_a_file_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    assert FileTokenStore(path).swap(None, b"x" * 300_000)
    with pytest.raises(StoreFailed, match="too large"):
        FileTokenStore(path).load()


def test_what_an_interrupted_write_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".tokens.json.part").write_bytes(b"half")
    store = FileTokenStore(str(tmp_path / "tokens.json"))
    assert store.swap(None, b"1")
    assert store.load() == b"1"
