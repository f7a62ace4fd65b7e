"""A simulated thing under a contract suite: each call is a task, and the clock runs until it has ended."""

from collections.abc import Callable
from typing import Any

from tests.simulation.kernel import Process


class Driven:
    """Passes calls of methods on to a target that lives in a simulation."""

    def __init__(self, process: Process, target: Any) -> None:
        self._process = process
        self._target = target

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            found: list[Any] = []

            def work() -> None:
                try:
                    found.append((getattr(self._target, name)(*args, **kwargs), None))
                except Exception as error:
                    found.append((None, error))

            self._process.kernel.finish(self._process.spawn(work, name))
            value, error = found[0]
            if error is not None:
                raise error
            return value

        return call
