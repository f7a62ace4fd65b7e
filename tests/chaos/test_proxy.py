"""The proxy does to connections what it says."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.chaos.proxy import DELAY_S, Proxy


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Before a server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def echo(connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):
            while data := connection.recv(100):
                connection.sendall(data)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    proxy = Proxy(lambda: int(server.getsockname()[1]))
    yield proxy
    proxy.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def connect(proxy: Proxy) -> closing[socket.socket]:
    return closing(socket.create_connection(("127.0.0.1", proxy.port), timeout=5))


def said(client: socket.socket, word: bytes) -> bytes:
    client.sendall(word)
    return client.recv(100)


def test_bytes_pass_and_wait_while_it_stalls(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert said(client, b"one") == b"one"
        proxy.begin("stall")
        time.sleep(0.1)
        client.sendall(b"two")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(100)
        proxy.end()
        client.settimeout(5)
        assert client.recv(100) == b"two"


def test_dropped_bytes_are_gone_and_their_connection_is_cut_afterwards(proxy: Proxy) -> None:
    with connect(proxy) as quiet, connect(proxy) as client:
        assert said(quiet, b"one") == said(client, b"one") == b"one"
        proxy.begin("drop")
        time.sleep(0.1)
        client.sendall(b"two")
        time.sleep(0.1)
        proxy.end()
        with pytest.raises(ConnectionResetError):
            client.recv(100)
        assert said(quiet, b"three") == b"three"


def test_a_reset_ends_all_connections_and_new_ones(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert said(client, b"one") == b"one"
        proxy.begin("reset")
        with pytest.raises(ConnectionError):
            while True:
                said(client, b"two")
                time.sleep(0.01)
        with pytest.raises(ConnectionError), connect(proxy) as another:
            said(another, b"three")
        proxy.end()
        time.sleep(0.1)
        with connect(proxy) as another:
            assert said(another, b"four") == b"four"


def test_a_delay_slows_every_chunk(proxy: Proxy) -> None:
    with connect(proxy) as client:
        proxy.begin("delay")
        time.sleep(0.1)
        began = time.monotonic()
        assert said(client, b"one") == b"one"
        assert time.monotonic() - began >= 2 * DELAY_S
