"""Listening sockets, and who has a port."""

import os
import socket

import pytest

from valetkey.adapters.serving.sockets import PortTakenError, bind, bind_next, holder_of, loopback_hosts


def close(sockets: list[socket.socket]) -> None:
    for opened in sockets:
        opened.close()


def test_every_host_listens_on_one_port() -> None:
    hosts = loopback_hosts()
    sockets = bind(hosts, 0)
    assert len({opened.getsockname()[1] for opened in sockets}) == 1
    assert [opened.getsockname()[0] for opened in sockets] == list(hosts)
    close(sockets)


def test_a_taken_port_names_its_holder_and_leaves_nothing_open() -> None:
    held = bind(("127.0.0.1",), 0)
    port = held[0].getsockname()[1]
    with pytest.raises(PortTakenError) as taken:
        bind(loopback_hosts()[::-1], port)
    assert taken.value.port == port
    assert taken.value.holder is not None
    assert taken.value.holder.pid == os.getpid()
    close(held)
    close(bind(loopback_hosts(), port))


def test_the_next_free_port_is_found() -> None:
    held = bind(("127.0.0.1",), 0)
    port = held[0].getsockname()[1]
    found = bind_next(("127.0.0.1",), port)
    assert found[0].getsockname()[1] > port
    close(held + found)


def test_a_port_that_was_ours_a_moment_ago_is_taken_again() -> None:
    (listening,) = bind(("127.0.0.1",), 0)
    port = listening.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    listening.setblocking(True)
    server_side, _ = listening.accept()
    server_side.close()
    listening.close()
    close(bind(("127.0.0.1",), port))
    client.close()


def test_a_free_port_has_no_holder() -> None:
    sockets = bind(("127.0.0.1",), 0)
    port = sockets[0].getsockname()[1]
    close(sockets)
    assert holder_of(port) is None


def test_an_address_of_another_machine_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match="assign"):
        bind(("192.0.2.1",), 0)
