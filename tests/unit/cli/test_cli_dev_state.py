"""The state folder of `valetkey dev`: private, kept, and thrown away without touching anything else."""

import stat
from pathlib import Path

import pytest

from valetkey.cli.dev_state import USERS, lock, open_state, reset


def test_a_new_folder_is_private_and_kept_out_of_git(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    lock(folder)
    state = open_state(folder)
    assert state.is_new
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600
    assert (folder / ".gitignore").read_text() == "*\n"


def test_secrets_are_drawn_once_and_unlike_for_each_folder(tmp_path: Path) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    for folder in (first, other):
        lock(folder)
    drawn = open_state(first).secrets
    assert open_state(first).secrets == drawn
    assert not open_state(first).is_new
    assert open_state(other).secrets != drawn
    assert len(drawn.key_encryption_key) == 32
    assert set(drawn.passwords) == set(USERS)
    assert all(len(password) == 19 for password in drawn.passwords.values())
    assert all(secret.startswith("vk_cs_") and len(secret) == 49 for secret in drawn.client_secrets.values())


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    lock(tmp_path)
    state = open_state(tmp_path)
    assert state.secrets.passwords["alice"] not in repr(state)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"passwords": {}}'])
def test_a_broken_file_ends_with_a_line_that_says_what_to_do(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    lock(tmp_path)
    (tmp_path / "secrets.json").write_bytes(content)
    with pytest.raises(SystemExit):
        open_state(tmp_path)
    assert "--reset" in capsys.readouterr().err


def test_reset_removes_what_we_made_and_nothing_else(tmp_path: Path) -> None:
    descriptor = lock(tmp_path)
    open_state(tmp_path)
    for name in ("valetkey.db", "valetkey.db-wal", "mine.txt"):
        (tmp_path / name).write_text("x")
    reset(tmp_path, descriptor)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitignore", "lock", "mine.txt"]


def test_reset_is_refused_while_another_uses_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock(tmp_path)
    mine = lock(tmp_path)
    open_state(tmp_path)
    with pytest.raises(SystemExit) as ended:
        reset(tmp_path, mine)
    assert ended.value.code == 69
    assert "stop it before --reset" in capsys.readouterr().err
    assert (tmp_path / "secrets.json").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit):
        lock(tmp_path / "file" / "state")
    assert "--state DIR" in capsys.readouterr().err
