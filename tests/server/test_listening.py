"""The door of a broker: where it is bound, and that it is the first thing to close."""

from __future__ import annotations

import socket

import pytest

from corewire_server.runtime.listening import bind


def test_a_free_port_is_taken_once_for_all_addresses() -> None:
    bound = bind("localhost", 0)
    try:
        assert len({sock.getsockname()[1] for sock in bound}) == 1
        assert bound[0].getsockname()[1] > 0
    finally:
        for sock in bound:
            sock.close()


def test_its_number_is_above_those_of_clients() -> None:
    (bound,) = bind("127.0.0.1", 0)
    with bound, socket.socket() as client:
        assert bound.fileno() > client.fileno() + 100


def test_nobody_is_accepted_yet() -> None:
    (bound,) = bind("127.0.0.1", 0)
    with bound, pytest.raises(ConnectionRefusedError):
        socket.create_connection(bound.getsockname())


def test_a_taken_port_is_an_error_and_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", taken.getsockname()[1])
