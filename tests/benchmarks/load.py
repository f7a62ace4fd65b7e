"""What an API answers beside a bare FastAPI echo: `python -m tests.benchmarks.load [--streams 500]`.

A system runs a study the whole time. wrk asks for the study and for the echo in turns; then many event
streams are open, and events of the study reach each of them after its lag. Needs wrk (Debian has it).
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from tests.benchmarks.record import write
from tests.integration.system import System, free_port, running_system

TURNS, TURN_S, CONNECTIONS = 5, 4, 8
STUDY: dict[str, Any] = {
    "name": "load",
    "trainable": "mlp-classifier",
    "factors": {"base": ["relu", "mish"], "depth": [1, 2, 3, 4]},
    "baseline": {"base": "relu"},
    "fixed": {"dataset": "digits-5k", "width": 16, "epochs": 20},
    "seeds": 1500,
    "metric": "test_accuracy",
}


def echo(port: int) -> None:
    """A bare echo, served as the API is; does not return."""
    app = FastAPI()

    @app.get("/echo/{word}")
    async def say(word: str) -> dict[str, str]:
        return {"word": word}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def wrk(url: str) -> dict[str, float]:
    """One turn: requests a second, and the latency that 99 % stay below."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{TURN_S}s", "--latency", url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, late = re.search(r"Requests/sec:\s+([\d.]+)", told), re.search(r"99%\s+([\d.]+)(us|ms|s)\n", told)
    assert rate is not None and late is not None, told
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}[late[2]]
    return {
        "per_s": float(rate[1]),
        "p99_ms": float(late[1]) * unit,
        "wrong": float(wrong[1]) if wrong else 0,
    }


def rates(system: System, study_id: str) -> dict[str, Any]:
    """The study and the echo in turns."""
    port = free_port()
    beside = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.load", "--echo", str(port)])
    try:
        for _ in range(300):
            try:
                httpx.get(f"http://127.0.0.1:{port}/echo/x")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        turns = [
            (
                wrk(f"http://127.0.0.1:{port}/echo/{study_id}"),
                wrk(f"{system.ready['api']}/v1/studies/{study_id}"),
            )
            for _ in range(TURNS)
        ]
    finally:
        beside.terminate()
        beside.wait()
    shares = sorted(study["per_s"] / bare["per_s"] for bare, study in turns)
    return {
        "share_of_echo": {"least": shares[0], "median": shares[TURNS // 2], "most": shares[-1]},
        "study": [study for _, study in turns],
        "echo": [bare for bare, _ in turns],
    }


def newest(url: str, within_s: float = 4.0) -> int:
    """The number of the study's latest event: what was before is history, and tells no lag."""
    found, until = 0, time.monotonic() + within_s
    with httpx.stream("GET", url, timeout=60) as answer:
        for line in answer.iter_lines():
            found = int(line[3:]) if line.startswith("id:") else found
            if time.monotonic() > until:
                break
    return found


async def lags(url: str, num: int, seconds: float) -> dict[str, float]:
    """So many streams of the study's events at once; how long after it was noted each event arrived.

    What arrives is noted down and read when all is over: this process takes its time from the same cores.
    """
    where = httpx.URL(url)
    asked = f"GET {where.raw_path.decode()} HTTP/1.1\r\nHost: {where.host}:{where.port}\r\n\r\n".encode()
    chunks: list[tuple[float, bytes]] = []

    async def follow() -> None:
        reader, writer = await asyncio.open_connection(where.host, where.port)
        writer.write(asked)
        while chunk := await reader.read(1 << 16):
            chunks.append((time.time(), chunk))

    began = time.time()
    tasks = [asyncio.create_task(follow()) for _ in range(num)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    found = [
        (datetime.fromisoformat(at).timestamp(), came)
        for came, chunk in chunks
        for at in re.findall(r'data: \{"at": "([^"]+)"', chunk.decode(errors="replace"))
    ]
    # The first streams are open before the last ones are.
    fresh = sorted(came - at for at, came in found if at > began + seconds / 3)
    assert fresh, "no event came"
    return {
        "events": len(fresh),
        "p50_s": fresh[len(fresh) // 2],
        "p95_s": fresh[int(0.95 * len(fresh))],
        "most_s": fresh[-1],
    }


def main() -> None:
    """Run what the command line chooses and print the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--echo", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    if options.echo:
        echo(options.echo)
    folder = Path(tempfile.mkdtemp(prefix="load-"))
    with running_system(folder) as system:
        study_id = system.submit(STUDY)["id"]
        while system.client.get(f"/v1/studies/{study_id}").json()["progress"]["done"] < 1:
            time.sleep(0.5)
        measured: dict[str, Any] = {"load_before": os.getloadavg(), **rates(system, study_id)}
        print(json.dumps(measured), flush=True)
        url = f"{system.ready['api']}/v1/studies/{study_id}/events"
        measured["streams"] = {"num": options.streams}
        measured["streams"] |= asyncio.run(
            lags(f"{url}?after={newest(url)}", options.streams, options.seconds)
        )
        measured["load_after"] = os.getloadavg()
    shutil.rmtree(folder, ignore_errors=True)
    write("load", "GET of a study beside a bare echo; lag of event streams", measured)


if __name__ == "__main__":
    main()
