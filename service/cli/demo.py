"""`ablate demo`: a real ablation on real digits, from nothing to a verdict, leaving nothing running."""

import json
import os
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.client import connect
from service.cli.errors import CommandFailed, StudyFailed

PORT = 8000
STOP_WITHIN_S = 60.0

DemoDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Where everything is kept.  [default: ~/.ablate-demo]", show_default=False
    ),
]


Open = Annotated[bool, typer.Option("--open", help="Open the report in a browser when it is there.")]


def demo(data_dir: DemoDir = None, open_report: Open = False) -> None:
    """Run a small study from nothing to a verdict: start the system, submit, report, stop everything."""
    where = (data_dir or Path.home() / ".ablate-demo").expanduser().resolve()
    began = time.monotonic()
    with _system(where) as ready:
        study, report = _run(ready, where)
    _look_again(where, ready, study, report)
    if open_report:
        webbrowser.open(report.as_uri())
    typer.echo(f"done in {time.monotonic() - began:.0f} s; nothing is left running", err=True)


def _run(ready: dict[str, Any], where: Path) -> tuple[dict[str, Any], Path]:
    from ablations.paper import presets
    from ablations.study.documents import loads_yaml
    from service.cli.growing import Growing
    from service.cli.tables import print_effects, print_study
    from service.cli.trials import print_failures
    from service.cli.watching import follow

    with connect(ready["api"], os.environ.get("ABLATE_API_KEY")) as client:
        spec: Any = loads_yaml(presets.text("demo"))
        created = client.post("/v1/studies", spec)
        study = follow(client, created["id"], news=Growing(client, spec))
        print_study(study)
        print_failures(study)
        if study["state"] != "done":
            log = client.text(f"/v1/studies/{study['id']}/logs")
            raise StudyFailed(f"the study is {study['state']}:\n{log}")
        print_effects(client.get(f"/v1/studies/{study['id']}/effects"))
        report = where / "report.html"
        html = client.text(f"/v1/studies/{study['id']}/report", accept="text/html", format="html")
        report.write_text(html, encoding="utf-8")
    return study, report


def _look_again(where: Path, ready: dict[str, Any], study: dict[str, Any], report: Path) -> None:
    port = ready["api"].rpartition(":")[2]
    again = f"ablate up --data-dir {where}" + ("" if port == str(PORT) else f" --port {port}")
    typer.echo(f"report: {report.as_uri()}")
    typer.echo(f"look again: {again}")
    typer.echo(f"then in MLflow: {study['links']['mlflow']}")


@contextmanager
def _system(where: Path) -> Iterator[dict[str, Any]]:
    """The embedded system in a process of its own, ended on every way out."""
    from service.local.ports import keep_api_port
    from service.local.up import down

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = keep_api_port(where / "ports.json", PORT)
    command = [sys.executable, "-m", "service.cli", "up", "--data-dir", str(where), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise CommandFailed(f"the system did not start; see {where / 'logs'}")
            yield json.loads(line)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
            # Nothing to do after a regular end; ends what is left after any other.
            down(where)


COMMANDS = (demo,)
