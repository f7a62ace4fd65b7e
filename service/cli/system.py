"""Commands that run the service: up, down, serve, worker, migrate."""

import os
from pathlib import Path
from typing import Annotated

import typer

from service.cli.errors import StudyFailed

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", envvar="ABLATE_DATA_DIR", help="Where everything is kept.  [default: ~/.ablate]"
    ),
]
Host = Annotated[str, typer.Option("--host", envvar="ABLATE_HOST", help="Address the API listens on.")]
Port = Annotated[
    int, typer.Option("--port", envvar="ABLATE_PORT", min=1, max=65535, help="Port the API listens on.")
]
Internal = Annotated[
    bool,
    typer.Option("--internal", help="Serve only what drivers speak with, on a port of its own."),
]

GRACEFUL_S = 3


def home(data_dir: Path | None) -> Path:
    """The data directory asked for, ~/.ablate by default."""
    return data_dir or Path.home() / ".ablate"


def up(data_dir: DataDir = None, host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Start the embedded system: Ray, MLflow, worker and API on this machine.

    Prints one line of JSON with the URLs once all is ready. Ctrl-C or `ablate down` stops it.
    """
    from service.local.supervisor import SystemBroken
    from service.local.up import up as run

    try:
        run(home(data_dir), host, port)
    except SystemBroken as error:
        raise StudyFailed(str(error)) from None


def down(data_dir: DataDir = None) -> None:
    """Stop the embedded system of a data directory: exactly what `ablate up` started."""
    from service.local.up import down as end

    where = home(data_dir)
    typer.echo(f"stopped {where}" if end(where) else f"nothing runs on {where}", err=True)


def serve(host: Host = "127.0.0.1", port: Port = 8000, internal: Internal = False) -> None:
    """Run the API alone, against the Ray, MLflow and database that ABLATE_* variables name."""
    # The app reads its settings from the environment, and the address is one of them.
    os.environ["ABLATE_HOST"], os.environ["ABLATE_PORT"] = host, str(port)
    import uvicorn

    from service.api.patience import patient_protocol

    uvicorn.run(
        "service.app:create_internal_app" if internal else "service.app:create_app",
        factory=True,
        host=host,
        port=port,
        http=patient_protocol(),
        timeout_graceful_shutdown=GRACEFUL_S,
        access_log=False,
    )


def worker() -> None:
    """Run the worker alone: reconciler, publisher and report builds."""
    import runpy

    runpy.run_module("service.worker", run_name="__main__", alter_sys=True)


def migrate() -> None:
    """Bring the database that ABLATE_DATABASE_URL names to this version's schema."""
    from service.ledger import migrate as run
    from service.settings import Settings

    settings = Settings.from_env()
    run(settings.database_url)
    typer.echo("the ledger's schema is up to date", err=True)


COMMANDS = (up, down, serve, worker, migrate)
