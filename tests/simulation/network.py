"""Messages between simulated processes: delayed, dropped, repeated, late, in another order."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.simulation.kernel import Flag, Kernel, Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How often something happens to a message, each a probability; `slow_s` is a usual delay."""

    lost: float = 0.0
    answer_lost: float = 0.0
    late: float = 0.0
    repeated: float = 0.0
    slow_s: float = 0.01
    most_late_s: float = 60.0


CALM = Weather()


class Unanswered(Exception):
    """No answer came; whether the message arrived, nobody knows."""


class Unreachable(Unanswered):
    """Nobody was there to take the message."""


class Network:
    """Carries calls. After `calm` nothing happens to messages any more."""

    def __init__(self, kernel: Kernel, seed: int, weather: Weather) -> None:
        self._kernel = kernel
        self._rng = Random(f"{seed} network")
        self.weather = weather
        self.num_lost = 0
        self._wire = kernel.process("wire")

    @property
    def num_on_way(self) -> int:
        """Messages that have not arrived yet."""
        return len(self._wire.tasks)

    def calm(self) -> None:
        """From now on every message arrives soon and once. What is late already may still come late."""
        self.weather = replace(CALM, slow_s=self.weather.slow_s)

    def call(
        self,
        server: Callable[[], Process | None],
        work: Callable[[], Any],
        name: str,
        *,
        timeout_s: float = math.inf,
        orderly: bool = False,
    ) -> Any:
        """Have `work` done by the server's process and give what it returns or raises.

        Raises: Unanswered. With `orderly`, what is late is late by moments only.
        """
        kernel, weather, rng = self._kernel, self.weather, self._rng
        answer = _Answer(kernel)
        happens = rng.random()
        if happens < weather.lost:
            self.num_lost += 1
            kernel.say(f"{name} is lost")
            # Refused at once, or never heard of again.
            kernel.sleep(timeout_s if math.isfinite(timeout_s) and rng.random() < 0.3 else rng.uniform(0, 1))
            raise Unanswered(f"{name} was lost")
        if happens < weather.lost + weather.answer_lost:
            answer.is_lost = True
        delay_s = rng.expovariate(1 / weather.slow_s)
        if rng.random() < weather.late:
            delay_s += rng.uniform(0.1, 2.0 if orderly else weather.most_late_s)
        self._deliver(server, work, name, answer, delay_s)
        if rng.random() < weather.repeated:
            self._deliver(server, work, f"{name} again", _Answer(kernel), delay_s + rng.uniform(0, 20.0))
        if not answer.given.wait(timeout_s if math.isfinite(timeout_s) else None):
            raise Unanswered(f"{name} was not answered within {timeout_s:g} s")
        if answer.error is not None:
            raise answer.error
        return answer.value

    def _deliver(
        self,
        server: Callable[[], Process | None],
        work: Callable[[], Any],
        name: str,
        answer: "_Answer",
        delay_s: float,
    ) -> None:
        kernel, rng, slow_s = self._kernel, self._rng, self.weather.slow_s

        def serve() -> None:
            done = False
            try:
                found, error = None, None
                try:
                    found = work()
                except Exception as raised:
                    error = raised
                kernel.sleep(rng.expovariate(1 / slow_s))
                done = True
            finally:
                # Otherwise its process died under it: the connection breaks.
                if answer.is_lost or not done:
                    answer.give(None, Unanswered(f"{name}: the connection broke"))
                else:
                    answer.give(found, error)

        def arrive() -> None:
            process = server()
            if process is None or not process.alive:
                answer.give(None, Unreachable(f"{name}: nobody is there"))
            else:
                process.spawn(serve, name)

        self._postman(arrive, name, delay_s)

    def _postman(self, arrive: Callable[[], None], name: str, delay_s: float) -> None:
        # A process of its own: what is on its way outlives who sent it.
        self._wire.spawn(arrive, name, in_s=delay_s)


class _Answer:
    """What comes back, once."""

    def __init__(self, kernel: Kernel) -> None:
        self.given = Flag(kernel)
        self.value: Any = None
        self.error: Exception | None = None
        self.is_lost = False

    def give(self, value: Any, error: Exception | None) -> None:
        if not self.given.is_set():
            self.value, self.error = value, error
            self.given.set()
