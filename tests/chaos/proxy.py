"""A TCP proxy that passes connections on until there is trouble: stalled, dropped, reset or slow."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from typing import Literal

Trouble = Literal["stall", "drop", "reset", "delay"]
DELAY_S = 0.3
CHUNK = 65536


class Proxy:
    """Listens on a loopback port of its own. `target` is asked for the port behind it at each connection.

    stall: bytes wait until it is over. drop: bytes vanish, and who lost some is cut off when it is over, as
    by a router that has forgotten the connection. reset: all connections end, and new ones at once. delay:
    every chunk waits.
    """

    def __init__(self, target: Callable[[], int]) -> None:
        self._target = target
        self._trouble: Trouble | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._cut: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._calm = asyncio.Event()
        self._calm.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy")
        self._thread.start()
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def begin(self, trouble: Trouble) -> None:
        """From now on."""
        self._loop.call_soon_threadsafe(self._begin, trouble)

    def end(self) -> None:
        """All is well again."""
        self._loop.call_soon_threadsafe(self._end)

    def close(self) -> None:
        """Cut every connection and listen no more."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _begin(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._calm.clear()
        if trouble == "reset":
            self._abort(self._open)

    def _end(self) -> None:
        self._trouble = None
        self._abort(self._cut)
        self._cut.clear()
        self._calm.set()

    async def _close(self) -> None:
        self._server.close()
        self._end()
        self._abort(self._open)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _abort(self, writers: set[asyncio.StreamWriter]) -> None:
        for writer in list(writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._trouble == "reset":
            _reset(writer)
            return
        try:
            behind_reader, behind = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            _reset(writer)
            return
        ends = {writer, behind}
        self._open |= ends
        try:
            await asyncio.gather(
                self._pump(reader, behind, ends),
                self._pump(behind_reader, writer, ends),
                return_exceptions=True,
            )
        finally:
            self._open -= ends
            self._cut -= ends

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: set[asyncio.StreamWriter]
    ) -> None:
        """Bytes one way; whoever ends one way first ends the connection, half-open ones are not used here."""
        try:
            while data := await reader.read(CHUNK):
                if self._trouble == "stall":
                    await self._calm.wait()
                elif self._trouble == "delay":
                    await asyncio.sleep(DELAY_S)
                elif self._trouble == "drop":
                    self._cut |= ends
                    continue
                writer.write(data)
                await writer.drain()
        finally:
            for end in ends:
                end.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as if its host had no memory of it: what waits to be sent is not."""
    try:
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    except OSError:
        pass  # it is closed already
    writer.transport.abort()
