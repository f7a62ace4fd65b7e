"""MLflow over plain HTTP: the few calls the publisher needs, each safe to repeat.

MLflow's own client retries for minutes and repeats creates; a loop that must not block and must not
make a run twice asks and decides for itself.
"""

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from service.errors import ServiceError, TrackerUnavailable

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
PAGE = 1000
# What MLflow takes in one log-batch.
MAX_METRICS, MAX_PARAMS, MAX_ENTITIES = 1000, 100, 1000
MAX_PARAM, MAX_TAG, MAX_KEY, MAX_RUN_NAME = 6000, 5000, 250, 250
_FORBIDDEN = re.compile(r"[^\w\-. /:]")


class TrackerRefused(ServiceError):
    """MLflow is there and will not take this; asking again the same way is no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """One value of one metric. The time is ours and fixed: MLflow swallows exact repeats."""

    key: str
    value: float
    step: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """A run as MLflow has it. Of one that has not ended there is no `end_ms`."""

    run_id: str
    status: str
    end_ms: int | None
    tags: Mapping[str, str]


class Tracker(Protocol):
    """Where experiments and runs are shown. Times are milliseconds since 1970."""

    def healthy(self) -> bool:
        """Whether the server answers at all."""

    def find_experiment(self, tag: str, value: str) -> str | None:
        """The experiment with this tag."""

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """A new experiment, or the one of this name."""

    def tag_experiment(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set tags."""

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment with its runs and their artifacts; only one that is there."""

    def tagged_runs(self, experiment_id: str, tag: str) -> dict[str, list[TrackedRun]]:
        """All runs that have this tag: its value to the runs with it."""

    def create_run(self, experiment_id: str, name: str, start_ms: int, tags: Mapping[str, str]) -> str:
        """A new run; not safe to repeat, so look for it first."""

    def delete_run(self, run_id: str) -> None:
        """Take a run away."""

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run anew."""

    def log(self, run_id: str, metrics: Sequence[MetricPoint], params: Mapping[str, str]) -> None:
        """Add metrics and params."""

    def finish(self, run_id: str, status: str, end_ms: int) -> None:
        """End a run as FINISHED, FAILED or KILLED."""

    def put(self, experiment_id: str, run_id: str, path: str, body: bytes) -> None:
        """Store an artifact."""


class MlflowTracker:
    """A tracking server that proxies its artifacts.

    Raises, from every call: TrackerUnavailable when it does not answer or is broken, Refused when it
    answers that the request is wrong.
    """

    def __init__(self, url: str, *, timeout_s: float = 20.0) -> None:
        limits = httpx.Limits(max_connections=16, max_keepalive_connections=16)
        self._http = httpx.Client(base_url=url, timeout=timeout_s, limits=limits)

    def healthy(self) -> bool:
        """Whether the server answers at all."""
        try:
            return self._http.get("/health").is_success
        except httpx.TransportError:
            return False

    def find_experiment(self, tag: str, value: str) -> str | None:
        """The experiment with this tag."""
        # MLflow's filters know no escape, but two quotes.
        mark = '"' if "'" in value else "'"
        wanted = f"tags.`{tag}` = {mark}{value}{mark}"
        found = self._post("experiments/search", {"filter": wanted, "max_results": 2})
        experiments = found.get("experiments") or []
        return str(experiments[0]["experiment_id"]) if experiments else None

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """A new experiment, or the one of this name, brought back if it was deleted."""
        try:
            made = self._post("experiments/create", {"name": name, "tags": _pairs(tags, MAX_TAG)})
        except TrackerRefused:
            found = self._call(
                "GET", f"{API}/experiments/get-by-name", params={"experiment_name": name}
            ).json()
            known = str(found["experiment"]["experiment_id"])
            if found["experiment"].get("lifecycle_stage") == "deleted":
                self._post("experiments/restore", {"experiment_id": known})
            return known
        return str(made["experiment_id"])

    def tag_experiment(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set tags."""
        for tag in _pairs(tags, None):
            self._post("experiments/set-experiment-tag", {"experiment_id": experiment_id, **tag})

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment with its runs and their artifacts; only one that is there.

        MLflow keeps params and metrics of what is deleted until `mlflow gc`; artifacts go now.
        """
        self._call("DELETE", f"{ARTIFACTS}/{experiment_id}")
        self._post("experiments/delete", {"experiment_id": experiment_id})

    def tagged_runs(self, experiment_id: str, tag: str) -> dict[str, list[TrackedRun]]:
        """All runs that have this tag: its value to the runs with it."""
        found: dict[str, list[TrackedRun]] = {}
        token: str | None = None
        while True:
            query = {"experiment_ids": [experiment_id], "max_results": PAGE, "page_token": token}
            page = self._post("runs/search", {k: v for k, v in query.items() if v})
            for run in page.get("runs") or []:
                tags = {pair["key"]: pair["value"] for pair in run["data"].get("tags", [])}
                if tag in tags:
                    found.setdefault(tags[tag], []).append(_shown(run["info"], tags))
            token = page.get("next_page_token")
            if not token:
                return found

    def create_run(self, experiment_id: str, name: str, start_ms: int, tags: Mapping[str, str]) -> str:
        """A new run; not safe to repeat, so look for it first."""
        body = {
            "experiment_id": experiment_id,
            "run_name": name[:MAX_RUN_NAME],
            "start_time": start_ms,
            "tags": _pairs(tags, MAX_TAG),
        }
        return str(self._post("runs/create", body)["run"]["info"]["run_id"])

    def delete_run(self, run_id: str) -> None:
        """Take a run away; MLflow keeps it among the deleted ones."""
        self._post("runs/delete", {"run_id": run_id})

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run anew."""
        self._post("runs/log-batch", {"run_id": run_id, "tags": _pairs(tags, MAX_TAG)})

    def log(self, run_id: str, metrics: Sequence[MetricPoint], params: Mapping[str, str]) -> None:
        """Add metrics and params."""
        values = [
            {"key": clean_key(m.key), "value": m.value, "step": m.step, "timestamp": m.timestamp_ms}
            for m in metrics
        ]
        pairs = _pairs(params, MAX_PARAM)
        while values or pairs:
            batch_params, pairs = pairs[:MAX_PARAMS], pairs[MAX_PARAMS:]
            room = min(MAX_METRICS, MAX_ENTITIES - len(batch_params))
            batch, values = values[:room], values[room:]
            self._post("runs/log-batch", {"run_id": run_id, "metrics": batch, "params": batch_params})

    def finish(self, run_id: str, status: str, end_ms: int) -> None:
        """End a run as FINISHED, FAILED or KILLED."""
        self._post("runs/update", {"run_id": run_id, "status": status, "end_time": end_ms})

    def put(self, experiment_id: str, run_id: str, path: str, body: bytes) -> None:
        """Store an artifact."""
        where = f"{ARTIFACTS}/{experiment_id}/{run_id}/artifacts/{quote(path)}"
        self._call("PUT", where, content=body, headers={"Content-Type": "application/octet-stream"})

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def _post(self, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._call("POST", f"{API}/{call}", json=body).json())

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise TrackerUnavailable(f"MLflow does not answer: {error or type(error).__name__}") from None
        if answer.is_success:
            return answer
        text = f"MLflow answers {answer.status_code} to {path}: {answer.text[:500]}"
        if answer.status_code >= 500 or answer.status_code == 429:
            raise TrackerUnavailable(text)
        raise TrackerRefused(text)


def _shown(info: Mapping[str, Any], tags: Mapping[str, str]) -> TrackedRun:
    ended = info.get("end_time")
    return TrackedRun(
        run_id=str(info["run_id"]),
        status=str(info["status"]),
        end_ms=int(ended) if ended is not None else None,
        tags=tags,
    )


def clean_key(name: str) -> str:
    """A metric's, param's or tag's name as MLflow takes it; different names stay different.

    MLflow takes letters, digits and a few marks, and nothing that a path would spell in another way.
    """
    cleaned = _FORBIDDEN.sub("_", name)
    if cleaned.startswith(("/", "..")) or cleaned != posixpath.normpath(cleaned) or cleaned == ".":
        cleaned = cleaned.replace("/", "_").replace("..", "_").removeprefix(".")
    if cleaned == name and len(name) <= MAX_KEY:
        return name
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{cleaned[: MAX_KEY - len(mark) - 1]}_{mark}"


def as_json(value: object) -> bytes:
    """A JSON artifact."""
    return json.dumps(value, allow_nan=False).encode()


def _pairs(values: Mapping[str, str], longest: int | None) -> list[dict[str, str]]:
    return [{"key": clean_key(key), "value": value[:longest]} for key, value in values.items()]
