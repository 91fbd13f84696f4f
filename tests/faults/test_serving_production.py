"""`valetkey serve` under signals, dead workers and bad configurations: real processes."""

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import httpx2
import pytest

from support.serve import command, environment, running_serve, write_configuration


# covers: FLT-14
def test_sigterm_drains_and_loses_no_request(tmp_path: Path) -> None:
    with running_serve(tmp_path, workers=2, drain_delay=1) as running:
        failures: list[object] = []
        answers: list[int] = []
        stop = threading.Event()

        def load() -> None:
            # As a load balancer does: it looks at /readyz before each request, and leaves a draining server alone.
            while not stop.is_set():
                with httpx2.Client(timeout=30) as client:
                    try:
                        if client.get(f"{running.url}/readyz").status_code != 200:
                            return
                        answers.append(running.token(client).status_code)
                    except httpx2.ConnectError:
                        return
                    except httpx2.HTTPError as error:
                        failures.append(error)
                        return

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        running.until(lambda: len(answers) >= 20)
        running.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        stop.set()
        assert running.process.wait(30) == 0
    assert failures == []
    assert set(answers) == {200}


# covers: FLT-14
def test_while_it_drains_it_says_so_and_still_answers(tmp_path: Path) -> None:
    with running_serve(tmp_path, drain_delay=3) as running, httpx2.Client() as client:
        assert client.get(f"{running.url}/readyz").json() == {"status": "ready"}
        running.process.send_signal(signal.SIGTERM)
        running.until(lambda: client.get(f"{running.url}/readyz").status_code == 503)
        draining = client.get(f"{running.url}/readyz")
        assert draining.json()["why"] == "draining"
        assert draining.headers["connection"] == "close"
        assert client.get(f"{running.url}/healthz").status_code == 200
        assert running.token(client).status_code == 200
        assert running.process.wait(30) == 0


def test_a_worker_that_was_killed_is_replaced_and_the_others_go_on(tmp_path: Path) -> None:
    with running_serve(tmp_path, workers=2) as running, httpx2.Client() as client:
        running.until(lambda: len(running.workers()) == 2)
        before = set(running.workers())
        os.kill(min(before), signal.SIGKILL)
        running.until(lambda: len(running.workers()) == 2 and set(running.workers()) != before)
        running.until(lambda: running.token(client).status_code == 200)
        assert b"worker.died" in running.log.read_bytes()


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    with running_serve(tmp_path, workers=2) as running:
        running.until(lambda: len(running.workers()) == 2)
        workers = running.workers()
        running.process.kill()
        running.process.wait()
        for worker in workers:
            for _ in range(400):
                if not Path(f"/proc/{worker}/stat").exists():
                    break
                threading.Event().wait(0.05)
            assert not Path(f"/proc/{worker}/stat").exists()


def test_both_workers_answer_from_one_database(tmp_path: Path) -> None:
    with running_serve(tmp_path, workers=2) as running:
        for _ in range(20):
            with httpx2.Client() as client:
                assert running.token(client).status_code == 200


def refused(path: Path) -> list[str]:
    """Start with a configuration that must not start; return its lines."""
    ended = subprocess.run(
        command(path), capture_output=True, text=True, timeout=60, env=environment(), check=False
    )
    assert ended.returncode == 78, ended.stderr
    assert not (path.parent / "valetkey.db").exists()
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()


# covers: FLT-16
def test_every_fault_of_a_configuration_is_a_line_and_nothing_starts(tmp_path: Path) -> None:
    path, _ = write_configuration(tmp_path)
    path.write_text(path.read_text().replace("workers = 1", "worker = 2\nport2 = 1").replace("http://", "ftp://"))
    lines = refused(path)
    assert len(lines) == 3
    assert any("workers" in line for line in lines)


# covers: FLT-16
def test_a_key_file_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    path, _ = write_configuration(tmp_path)
    (tmp_path / "kek").chmod(0o644)
    (line,) = refused(path)
    assert "chmod 600" in line


# covers: FLT-16
@pytest.mark.parametrize("issuer", ["http://login.example.com", "login.example.com", "https://login.example.com/"])
def test_an_issuer_that_is_not_sound_is_refused(tmp_path: Path, issuer: str) -> None:
    path, port = write_configuration(tmp_path)
    path.write_text(path.read_text().replace(f"http://localhost:{port}", issuer))
    (line,) = refused(path)
    assert "issuer" in line


# covers: FLT-16
def test_a_configuration_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    (line,) = refused(tmp_path / "absent.toml")
    assert "absent.toml" in line


# covers: FLT-16
def test_a_key_encryption_key_that_does_not_open_the_keys_is_refused(tmp_path: Path) -> None:
    with running_serve(tmp_path):
        pass
    path = tmp_path / "valetkey.toml"
    (tmp_path / "kek").write_text("00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f")
    ended = subprocess.run(
        command(path), capture_output=True, text=True, timeout=60, env=environment(), check=False
    )
    assert ended.returncode == 78
    assert "does not open the signing keys" in ended.stderr


def test_a_taken_port_names_who_has_it(tmp_path: Path) -> None:
    path, port = write_configuration(tmp_path)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        ended = subprocess.run(
            command(path), capture_output=True, text=True, timeout=60, env=environment(), check=False
        )
    assert ended.returncode == 69
    assert f"process {os.getpid()} " in ended.stderr
