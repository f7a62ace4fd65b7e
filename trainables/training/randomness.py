"""The generators that all code of a process draws from, as each training would find them alone."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables.streams import stream, stream_seed


class GlobalStreams:
    """torch's, numpy's and Python's own generators as a trial left them, for code that draws from those.

    While entered they are the trial's; before and after they are as whoever else left them.
    """

    def __init__(self, seed: int, device: str) -> None:
        self._cuda = device if device.startswith("cuda") else None
        number = stream_seed(seed, "global")
        self._own = [stream(seed, "global").get_state()]
        if self._cuda is not None:
            self._own.append(torch.Generator(device).manual_seed(number).get_state())
        self._own_random: tuple[Any, Any] = (
            np.random.RandomState(number % 2**32).get_state(legacy=False),
            random.Random(number).getstate(),
        )
        self._others: list[Tensor] = []
        self._others_random: tuple[Any, Any] = (None, None)

    def __enter__(self) -> None:
        self._others, self._others_random = self._now(), _random_now()
        self._set(self._own, self._own_random)

    def __exit__(self, *_: object) -> None:
        self._own, self._own_random = self._now(), _random_now()
        self._set(self._others, self._others_random)

    def _now(self) -> list[Tensor]:
        states = [torch.get_rng_state()]
        return states if self._cuda is None else [*states, torch.cuda.get_rng_state(self._cuda)]

    def _set(self, states: Sequence[Tensor], random_states: tuple[Any, Any]) -> None:
        torch.set_rng_state(states[0])
        if self._cuda is not None:
            torch.cuda.set_rng_state(states[1], self._cuda)
        np.random.set_state(random_states[0])
        random.setstate(random_states[1])


def _random_now() -> tuple[Any, Any]:
    return np.random.get_state(legacy=False), random.getstate()
