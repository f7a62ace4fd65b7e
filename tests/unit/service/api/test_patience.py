"""A connection that never says what it wants is dropped; one that does is served as long as it takes."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from service.api.patience import patient_protocol

PATIENCE_S = 0.4


async def slow_app(scope: Any, _receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    await asyncio.sleep(3 * PATIENCE_S)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port() -> Iterator[int]:
    config = uvicorn.Config(
        slow_app, port=0, http=patient_protocol(PATIENCE_S), lifespan="off", log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_connection_that_asks_nothing_is_dropped(port: int, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10 * PATIENCE_S) as line:
        line.sendall(said)
        assert line.recv(100) == b""


def test_an_answer_may_take_its_time(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30 * PATIENCE_S) as line:
        for _ in range(2):
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"ok") and (more := line.recv(1000)):
                answer += more
            assert answer.endswith(b"ok")
