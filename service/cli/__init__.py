"""`ablate`: the command line. Every command imports what it needs when it runs, so that help is quick."""

import json as json_
import sys
from collections.abc import Iterable
from typing import Annotated, cast

import typer

from service.cli import demo, exporting, keeping, looking, presets, submitting, system, trying
from service.cli.errors import BadInput, CommandFailed
from service.connection import one_problem

__all__ = ["app", "main"]

INTERRUPTED = 130
# Where typer keeps the class itself is its own affair.
UsageError = cast(type[Exception], typer.BadParameter.__bases__[0])

app = typer.Typer(
    name="ablate",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"ablate {version('ablation-service')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Ask a question about a training method, get a verdict with error bars."""


for module in (submitting, looking, exporting, presets, trying, system, keeping, demo):
    for command in module.COMMANDS:
        app.command()(command)
app.command("list")(looking.list_studies)
app.command("try")(trying.try_trial)


def main(arguments: Iterable[str] | None = None) -> None:
    """Run one command and end the process with its exit code; errors are told in words."""
    from ablations.errors import AblationError, InvalidStudy
    from service.errors import ServiceError
    from trainables.errors import TrainableError

    given = list(sys.argv[1:] if arguments is None else arguments)
    json = "--json" in given
    try:
        ended = app(args=given, prog_name="ablate", standalone_mode=not json)
        sys.exit(ended if isinstance(ended, int) else 0)
    except UsageError as error:
        fail(BadInput(error.format_message()), json=json)  # type: ignore[attr-defined]
    except CommandFailed as error:
        fail(error, json=json)
    except InvalidStudy as error:
        problems = [problem.to_json() for problem in error.problems]
        fail(BadInput("\n".join(map(one_problem, problems)), problems), json=json)
    except (AblationError, ServiceError, TrainableError) as error:
        fail(BadInput(str(error)), json=json)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def fail(error: CommandFailed, *, json: bool) -> None:
    """Say why on stderr, in words or as JSON, and end the process."""
    if json:
        told = {"error": str(error), "exit_code": error.exit_code, "errors": error.problems}
        typer.echo(json_.dumps(told), err=True)
    else:
        typer.secho(f"error: {error}", fg="red", err=True)
    sys.exit(error.exit_code)
