"""A real MLflow over its REST API, as the checker looks at it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from tests.promises.found import ShownRun

PAGE = 500
MOST_RUNS = 100
"""How many runs MLflow tells the history of one metric of at once."""


class RealShown:
    """See `reading.Shown`."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60)

    def experiments(self, study_id: str) -> Sequence[str]:
        asked = {"filter": f"tags.`ablate.study_id` = '{study_id}'", "max_results": PAGE}
        found = self._post("experiments/search", asked).get("experiments", [])
        return [str(experiment["experiment_id"]) for experiment in found]

    def runs(self, experiment_id: str) -> Sequence[ShownRun]:
        found: list[Mapping[str, Any]] = []
        token = None
        while True:
            asked = {"experiment_ids": [experiment_id], "max_results": PAGE, "page_token": token}
            page = self._post("runs/search", asked)
            found += page.get("runs", [])
            if not (token := page.get("next_page_token")):
                break
        points = self._points(found)
        return [self._run(run, frozenset(points[run["info"]["run_id"]])) for run in found]

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def _run(self, run: Mapping[str, Any], points: frozenset[tuple[str, int, float]]) -> ShownRun:
        info, tags = run["info"], _pairs(run["data"].get("tags", []))
        effects = None
        if tags.get("ablate.kind") == "summary":
            where = {"run_id": info["run_id"], "path": "effects.json"}
            effects = self._http.get("/get-artifact", params=where).raise_for_status().json()
        return ShownRun(
            run_id=info["run_id"],
            tags=tags,
            params=_pairs(run["data"].get("params", [])),
            points=points,
            status=info["status"],
            end_ms=info.get("end_time"),
            effects=effects,
        )

    def _points(self, runs: Sequence[Mapping[str, Any]]) -> dict[str, set[tuple[str, int, float]]]:
        """The points of each run: all of a metric's history, not its last value alone."""
        with_key = defaultdict(list)
        for run in runs:
            for metric in run["data"].get("metrics", []):
                with_key[metric["key"]].append(run["info"]["run_id"])
        points: dict[str, set[tuple[str, int, float]]] = defaultdict(set)
        for key, run_ids in with_key.items():
            for first in range(0, len(run_ids), MOST_RUNS):
                some = run_ids[first : first + MOST_RUNS]
                query = {"run_id": some, "metric_key": key, "max_results": 25_000}
                answer = self._http.get("/ajax-api/2.0/mlflow/metrics/get-history-bulk", params=query)
                for point in answer.raise_for_status().json()["metrics"]:
                    points[point["run_id"]].add((key, int(point["step"]), float(point["value"])))
        return points

    def _post(self, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._http.post(f"/api/2.0/mlflow/{call}", json=body).raise_for_status().json())


def _pairs(pairs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in pairs}
