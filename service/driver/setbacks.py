"""Workers that died with nothing gained: when to start the next, and when to stop trying."""

import time
from collections.abc import Callable

from service.budgets import Budgets
from service.driver.deaths import Death

LONGEST_REST_S = 60.0
ONE_LOSS_S = 10.0
"""Workers lost within this time went with one node."""


class Setbacks:
    """Counts in a row. A lost node is one loss, however many workers it had; each next one costs a rest."""

    def __init__(self, budgets: Budgets, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._budgets = budgets
        self._clock = clock
        self._losses = 0
        self._failed_starts = 0
        self._rest_until = self._same_until = clock()
        self.broken: str | None = None
        """Why this attempt cannot go on, if it cannot."""

    @property
    def rest_s(self) -> float:
        """How long to wait before another worker is started."""
        return max(0.0, self._rest_until - self._clock())

    def died(self, death: Death, words: str, *, drew: bool) -> None:
        """A worker is gone that had drawn a trial, or had not."""
        if death is Death.NODE_LOST:
            self._lost(words)
        elif not drew:
            self._failed_starts += 1
            if self._failed_starts >= self._budgets.max_failed_starts:
                num = self._failed_starts
                self.broken = f"{num} workers in a row died before their first trial: {death}: {words}"

    def drew(self) -> None:
        """A worker came up and drew a trial."""
        self._failed_starts = 0

    def gained(self) -> None:
        """A trial ended, or got further than ever."""
        self._losses = 0
        self._rest_until = self._clock()

    def _lost(self, words: str) -> None:
        now = self._clock()
        if now < self._same_until:
            return
        self._losses += 1
        rest_s = min(2.0 ** (self._losses - 2), LONGEST_REST_S) if self._losses > 1 else 0.0
        self._rest_until = now + rest_s
        self._same_until = now + max(rest_s, ONE_LOSS_S)
        if self._losses >= self._budgets.max_losses:
            num = self._losses
            happened = f"workers were lost {num} times with nothing gained in between"
            self.broken = f"{Death.NODE_LOST}: {happened}; last: {words}"
