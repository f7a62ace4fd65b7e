"""`ablate`: the command line. Every command imports what it needs when it runs, so that help is quick."""

import sys
from collections.abc import Iterable

import typer

from service.cli import demo, keeping, looking, presets, submitting, system, trying
from service.cli.client import one_problem
from service.cli.errors import BadInput, CommandFailed

__all__ = ["app", "main"]

INTERRUPTED = 130

app = typer.Typer(
    name="ablate",
    help="Ask a question about a training method, get a verdict with error bars.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (submitting, looking, presets, trying, system, keeping, demo):
    for command in module.COMMANDS:
        app.command()(command)
app.command("list")(looking.list_studies)
app.command("try")(trying.try_trial)


def main(arguments: Iterable[str] | None = None) -> None:
    """Run one command and end the process with its exit code; errors are told in words."""
    from ablations.errors import AblationError, InvalidStudy
    from service.errors import ServiceError
    from trainables.errors import TrainableError

    try:
        app(args=None if arguments is None else list(arguments), prog_name="ablate")
    except CommandFailed as error:
        fail(str(error), error.exit_code)
    except InvalidStudy as error:
        fail("\n".join(one_problem(problem.to_json()) for problem in error.problems), BadInput.exit_code)
    except (AblationError, ServiceError, TrainableError) as error:
        fail(str(error), BadInput.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def fail(text: str, exit_code: int) -> None:
    """Say why on stderr and end the process."""
    typer.secho(f"error: {text}", fg="red", err=True)
    sys.exit(exit_code)
