"""Commands that keep an installation and what was found with it: doctor, backup, restore, publish."""

import json as json_
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from service.cli.client import AsJson
from service.cli.errors import BadInput
from service.cli.system import DataDir, home

Target = Annotated[Path, typer.Argument(help="The folder to make; it must not exist yet.")]
Source = Annotated[Path, typer.Argument(help="A folder that `ablate backup` made.")]


def doctor(data_dir: DataDir = None, json: AsJson = False) -> None:
    """Tell what is wrong with this installation and what to do; exit code 1 if anything is."""
    from service.cli.tables import print_findings
    from service.local.doctor import Health, examine

    findings = [asdict(finding) for finding in examine(_full(home(data_dir)), os.environ)]
    if json:
        typer.echo(json_.dumps(findings))
    else:
        print_findings(findings)
    if any(finding["health"] is Health.FAULT for finding in findings):
        raise typer.Exit(1)


def backup(target: Target, data_dir: DataDir = None) -> None:
    """Copy ledger, MLflow, datasets and secret of a data directory to a new folder; the system may run."""
    from service.local.backup import back_up

    _refuse_another_database()
    files = back_up(_full(home(data_dir)), _full(target))
    typer.echo(f"{len(files)} files in {target}", err=True)


def restore(source: Source, data_dir: DataDir = None) -> None:
    """Check a backup and put it into a data directory that is empty or does not exist."""
    from service.local.backup import restore as put_back

    _refuse_another_database()
    where = _full(home(data_dir))
    files = put_back(_full(source), where)
    typer.echo(f"{len(files)} files checked; `ablate up --data-dir {where}` goes on from there", err=True)


def publish(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Tell MLflow everything once more: its store was lost.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Have everything published to MLflow that waits, at once, and wait for it; the worker publishes it.

    With --rebuild all that the ledger has is published anew. It may be repeated and interrupted at any time.
    """
    from service.cli.publishing import publish_all

    publish_all({**os.environ, "ABLATE_DATA_DIR": str(_full(home(data_dir)))}, rebuild=rebuild)


def _full(path: Path) -> Path:
    return path.expanduser().resolve()


def _refuse_another_database() -> None:
    url = os.environ.get("ABLATE_DATABASE_URL", "")
    if url and not url.startswith("sqlite:"):
        raise BadInput(
            "ABLATE_DATABASE_URL names PostgreSQL, which has its own tools: pg_dump of the ledger first, then"
            " of MLflow's database, then copies of MLflow's artifacts and of `datasets`"
        )


COMMANDS = (doctor, backup, restore, publish)
