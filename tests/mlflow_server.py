"""A real MLflow server on a loopback port, and everything that it holds."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

STARTS_WITHIN_S = 300


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(home: Path, port: int) -> Iterator[str]:
    """Serve the store in this folder; the URL."""
    home.mkdir(exist_ok=True)
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"),
        *("--artifacts-destination", str(home / "a")),
    )
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(command, env=env, stdout=log, stderr=log) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + STARTS_WITHIN_S
        try:
            while not _answers(url):
                assert process.poll() is None and time.monotonic() < deadline, (home / "log").read_text()
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False


def contents(url: str) -> dict[str, Any]:
    """All active experiments by their names, with tags and with runs by the trial that they show."""
    with httpx.Client(base_url=url, timeout=30) as http:
        found = _post(http, "experiments/search", max_results=1000).get("experiments", [])
        return {
            entry["name"]: {
                "id": entry["experiment_id"],
                "tags": _pairs(entry.get("tags", [])),
                "runs": _runs(http, entry["experiment_id"]),
            }
            for entry in found
            if entry["name"] != "Default"
        }


def without_ids(found: dict[str, Any]) -> dict[str, Any]:
    """The same but for what MLflow has chosen itself."""
    return {
        name: {
            "tags": entry["tags"],
            "runs": {
                trial: {key: value for key, value in run.items() if key != "id"}
                for trial, run in entry["runs"].items()
            },
        }
        for name, entry in found.items()
    }


def _runs(http: httpx.Client, experiment_id: str) -> dict[str, Any]:
    runs = _post(http, "runs/search", experiment_ids=[experiment_id], max_results=1000).get("runs", [])
    found: dict[str, Any] = {}
    for run in runs:
        tags, id = _pairs(run["data"].get("tags", [])), run["info"]["run_id"]
        assert tags["ablate.trial_id"] not in found
        found[tags["ablate.trial_id"]] = {
            "id": id,
            "tags": tags,
            "params": _pairs(run["data"].get("params", [])),
            "metrics": {m["key"]: _history(http, id, m["key"]) for m in run["data"].get("metrics", [])},
            "artifacts": dict(_artifacts(http, id, "")),
            **{name: run["info"].get(name) for name in ("status", "start_time", "end_time", "run_name")},
        }
    return found


def _history(http: httpx.Client, run_id: str, key: str) -> list[tuple[int, int, float]]:
    query = {"run_id": run_id, "metric_key": key, "max_results": 5000}
    answer = http.get("/api/2.0/mlflow/metrics/get-history", params=query).raise_for_status()
    return sorted((int(p["step"]), int(p["timestamp"]), p["value"]) for p in answer.json()["metrics"])


def _artifacts(http: httpx.Client, run_id: str, path: str) -> Iterator[tuple[str, bytes]]:
    query = {"run_id": run_id, "path": path} if path else {"run_id": run_id}
    for file in http.get("/api/2.0/mlflow/artifacts/list", params=query).json().get("files", []):
        if file["is_dir"]:
            yield from _artifacts(http, run_id, file["path"])
        else:
            where = {"run_id": run_id, "path": file["path"]}
            yield file["path"], http.get("/get-artifact", params=where).raise_for_status().content


def _post(http: httpx.Client, call: str, **body: Any) -> dict[str, Any]:
    return dict(http.post(f"/api/2.0/mlflow/{call}", json=body).raise_for_status().json())


def _pairs(pairs: list[dict[str, str]]) -> dict[str, str]:
    """Tags or params; one that is empty says as much as none."""
    return {pair["key"]: pair["value"] for pair in pairs if pair["value"]}
