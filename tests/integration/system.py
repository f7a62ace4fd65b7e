"""Starts the embedded system as a user does, with `ablate up`, and ends it by its process id."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

READY_S = 180.0
STOP_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A running system: its ready line, how long it took, and an HTTP client for its API."""

    ready: dict[str, Any]
    seconds_to_ready: float
    data_dir: Path
    client: httpx.Client
    process: subprocess.Popen[str]

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `ablate ARGUMENTS` against this system."""
        return subprocess.run(
            [sys.executable, "-m", "service.cli", *arguments],
            env={**os.environ, "ABLATE_URL": self.ready["api"]},
            check=check,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def submit(self, study: dict[str, Any], **headers: str) -> dict[str, Any]:
        """POST a study and return it as answered. Raises HTTPStatusError when refused."""
        answer = self.client.post("/v1/studies", json=study, headers=headers)
        answer.raise_for_status()
        return dict(answer.json())

    def wait(self, study_id: str, *, published: bool = False, timeout_s: float = 300.0) -> dict[str, Any]:
        """Poll a study until it is final (and published, if asked)."""
        deadline = time.monotonic() + timeout_s
        while True:
            study = dict(self.client.get(f"/v1/studies/{study_id}").raise_for_status().json())
            final = study["state"] in ("done", "failed", "cancelled")
            if final and (study["published"] or not published):
                return study
            if time.monotonic() > deadline:
                raise TimeoutError(f"study not final after {timeout_s} s: {study}")
            time.sleep(0.3)

    def trials(self, study_id: str, **filters: str) -> list[dict[str, Any]]:
        """Every trial of a study, page by page."""
        items: list[dict[str, Any]] = []
        url: str | None = f"/v1/studies/{study_id}/trials"
        query: dict[str, str | int] = {"limit": 200, **filters}
        while url:
            page = self.client.get(url, params=query or None).raise_for_status()
            items += page.json()["items"]
            url, query = page.links.get("next", {}).get("url"), {}
        return items


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_system(data_dir: Path, **environ: str) -> Iterator[System]:
    """`ablate up` in a process of its own; on leaving, an interrupt as from the keyboard.

    No driver stands by unless it is asked for: loading one takes two cores from what is tested.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "up", "--data-dir", str(data_dir), "--port", str(free_port())],
        env={**os.environ, "ABLATE_STANDBYS": "0", **environ},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    timer = threading.Timer(READY_S, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.monotonic() - started
        timer.cancel()
        if not line:
            raise RuntimeError(f"no ready line; exit code {process.wait()}")
        ready = json.loads(line)
        with httpx.Client(base_url=ready["api"], timeout=60) as client:
            yield System(
                ready=ready, seconds_to_ready=seconds, data_dir=data_dir, client=client, process=process
            )
    finally:
        timer.cancel()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if process.stdout is not None:
            process.stdout.close()
