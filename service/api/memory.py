"""Answers that are still true are not made again."""

import asyncio
import re
import time
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.ledger import Ledger

FRESH_S = 1.0
"""For what moves on without a write: the estimate of the time that is left."""
MAX_ANSWERS, MAX_BYTES = 1_000, 1 << 18
_OFTEN_ASKED = re.compile(r"/v1/studies/[0-9a-f-]{1,40}")
_KEPT = (200, 304)


@dataclass(frozen=True, slots=True)
class _Remembered:
    version: int
    made_at: float
    route: Any
    messages: tuple[Message, ...]


class Memory:
    """ASGI middleware: until anybody writes to the ledger, a request like an earlier one is answered like it.

    Everything that a request says of itself has to be the same, its key too. Only where the ledger tells of
    writes at once, which PostgreSQL does not. Whoever polls a study asks for the same thing most of the time,
    and finding the route and its parameters costs more than all the rest.
    """

    def __init__(self, app: ASGIApp, *, ledger: Ledger) -> None:
        self._app = app
        self._ledger = ledger
        self._answers: dict[Hashable, _Remembered] = {}
        self._making: dict[Hashable, tuple[int, asyncio.Event]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or pass the request on and keep the answer."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _OFTEN_ASKED.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        version = self._ledger.version()
        if version is None:
            await self._app(scope, receive, send)
            return
        key = scope["path"], scope["query_string"], tuple(scope.get("server") or ()), _words(scope["headers"])
        # After a write all who poll ask at once: one of them has the answer made, the others wait for it.
        if (making := self._making.get(key)) is not None and making[0] == version:
            await making[1].wait()
        known = self._answers.get(key)
        if known is not None and known.version == version and time.monotonic() - known.made_at < FRESH_S:
            scope["route"] = known.route
            for message in known.messages:
                await send(_copy(message))
            return
        self._making[key] = mine = (version, asyncio.Event())
        try:
            await self._make(key, version, scope, receive, send)
        finally:
            mine[1].set()
            if self._making.get(key) is mine:
                del self._making[key]

    async def _make(self, key: Hashable, version: int, scope: Scope, receive: Receive, send: Send) -> None:
        made_at, sent = time.monotonic(), []

        async def note(message: Message) -> None:
            sent.append(_copy(message))
            await send(message)

        await self._app(scope, receive, note)
        size = sum(len(message.get("body", b"")) for message in sent)
        if sent[0].get("status") in _KEPT and size <= MAX_BYTES:
            if len(self._answers) >= MAX_ANSWERS:
                self._answers.clear()
            self._answers[key] = _Remembered(version, made_at, scope.get("route"), tuple(sent))


def _words(headers: Iterable[Sequence[bytes]]) -> tuple[tuple[bytes, ...], ...]:
    return tuple(map(tuple, headers))


def _copy(message: Message) -> Message:
    """Whoever passes a message on may add headers to it."""
    return {**message, "headers": list(message["headers"])} if "headers" in message else dict(message)
