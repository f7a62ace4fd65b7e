"""What shows of a study before its verdict: means by level, labelled interim, and no test of anything."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from service.connection import PAGE, Connection

SHARES = 6


class Growing:
    """Tells the means of the judged factor's levels whenever another sixth of a study's trials has ended.

    Of a study with more than 500 trials it tells those of the first 500 that are done.
    """

    def __init__(self, client: Connection, spec: Mapping[str, Any]) -> None:
        self._client = client
        self._factor = next(iter(spec["baseline"]))
        self._metric = spec["metrics"][0]["name"]
        self._told = 0

    def __call__(self, study: Mapping[str, Any]) -> str | None:
        """A line, if there is news."""
        counts = study["progress"]
        share = SHARES * counts["done"] // max(1, counts["total"])
        if share <= self._told or study["state"] != "running":
            return None
        self._told = share
        path = f"/v1/studies/{study['id']}/trials"
        trials = self._client.get(path, phase="measuring", state="done", limit=PAGE)["items"]
        means = ", ".join(f"{level} {mean:.3f} (n {n})" for level, mean, n in self._means(trials))
        return (
            f"interim, {counts['done']} of {counts['total']}: mean {self._metric} by {self._factor}: {means}"
        )

    def _means(self, trials: Iterable[Mapping[str, Any]]) -> list[tuple[str, float, int]]:
        """Over all other factors and seeds alike: which of them are done is chance, so nothing is judged."""
        values: dict[str, list[float]] = defaultdict(list)
        for trial in trials:
            value = trial["metrics"].get(self._metric)
            if value is not None:
                values[str(trial["levels"].get(self._factor, "-"))].append(value)
        return [(level, sum(them) / len(them), len(them)) for level, them in values.items()]
