"""How long a connection may take to say what it wants."""

import asyncio
from typing import Any

HEADERS_S = 15.0


def patient_protocol(headers_s: float = HEADERS_S) -> type[asyncio.Protocol]:
    """Uvicorn's own protocol, dropping connections on which no request begins in time.

    A request has begun when its headers are there; Uvicorn itself would wait for them for ever. Connections
    are dropped after one to two times `headers_s`.
    """
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    base: Any = AutoHTTPProtocol

    class PatientProtocol(base):  # type: ignore[misc]
        """Looks at intervals whether anything has happened."""

        def connection_made(self, transport: asyncio.Transport) -> None:
            """Begin to look."""
            super().connection_made(transport)
            self._look(None)

        def connection_lost(self, error: Exception | None) -> None:
            """No more looking."""
            self._next_look.cancel()
            super().connection_lost(error)

        def _look(self, seen: object) -> None:
            cycle = self.cycle
            if seen is not None and cycle is (None if seen is self else seen) and _is_over(cycle):
                self.transport.close()
                return
            self._next_look = self.loop.call_later(headers_s, self._look, self if cycle is None else cycle)

    return PatientProtocol


def _is_over(cycle: Any) -> bool:
    return cycle is None or cycle.response_complete
