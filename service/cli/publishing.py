"""Has a worker publish what waits, and watches it."""

import time
from collections.abc import Mapping

import typer

from service.cli.errors import BadInput, StudyFailed, Unreachable
from service.ledger import Ledger, check_schema, open_ledger
from service.ledger.upkeep import republication
from service.settings import Settings

POLL_S = 0.5
LEADER_S = 15.0
"""Within this time one of the workers leads, if there are any."""
PATIENCE_S = 90.0
LINE_EVERY_S = 10.0


def publish_all(environ: Mapping[str, str], *, rebuild: bool) -> None:
    """Make everything due, or everything anew, and wait until MLflow has it.

    Raises: BadInput without a ledger; Unreachable where nobody publishes; StudyFailed where MLflow refuses.
    """
    settings = Settings.from_env(environ)
    path = settings.data_dir / "ledger.db"
    if settings.database_url == f"sqlite:///{path}" and not path.exists():
        raise BadInput(f"there is no {path}: name the data directory, or the database by ABLATE_DATABASE_URL")
    check_schema(settings.database_url)
    ledger = open_ledger(settings.database_url)
    try:
        num = republication.tell_again(ledger) if rebuild else republication.try_now(ledger)
        typer.echo(f"{num} announcements are made {'anew' if rebuild else 'at once'}", err=True)
        _wait(ledger)
    finally:
        ledger.close()


def _wait(ledger: Ledger) -> None:
    led_at = moved_at = time.monotonic()
    told_at, before = 0.0, -1
    while True:
        now, found = time.monotonic(), republication.waiting(ledger)
        if not found.num:
            typer.echo("MLflow has everything", err=True)
            return
        if found.num_failed == found.num:
            raise StudyFailed(f"{found.num} could not be published: {found.error}; the worker goes on trying")
        led_at = now if found.published_by else led_at
        moved_at = now if found.num != before else moved_at
        if now - led_at > LEADER_S:
            raise Unreachable(
                f"no worker publishes now: {found.num} announcements wait for `ablate up` or `ablate worker`"
            )
        if now - moved_at > PATIENCE_S:
            raise Unreachable(f"nothing was published for {PATIENCE_S:g} s: does MLflow answer?")
        if now - told_at > LINE_EVERY_S:
            typer.echo(f"{found.num} to go", err=True)
            told_at = now
        before = found.num
        time.sleep(POLL_S)
