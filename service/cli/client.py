"""The command line's side of the REST API: every failure as one line and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from service.cli.errors import BadInput, Unreachable
from service.connection import TIMEOUT_S, WHOLE_ID, Connection, ServiceAway, ServiceRefused

Url = Annotated[
    str, typer.Option("--url", envvar="ABLATE_URL", help="Address of the service.", show_default=True)
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", envvar="ABLATE_API_KEY", help="API key.", show_envvar=True)
]
Id = Annotated[
    str, typer.Argument(help="The study: its id or how that begins, its name (the newest counts), or last.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
CHANGED = (
    "results of this study were measured with something else: --anyway goes on with what is here now,"
    " --afresh (resume, retry) runs everything anew"
)
START = "start one with `ablate up`, or say where it is by --url or ABLATE_URL"


class Caller(Connection):
    """A connection whose failures end a command."""

    def find_id(self, meant: str) -> str:
        """The id of the study that is meant; says which was taken where that is not plain."""
        if WHOLE_ID.fullmatch(meant):
            return meant
        study = self.find(meant)
        when = study["created_at"][:16].replace("T", " ")
        typer.echo(f"{meant} is {study['id']}, {study['name']}, submitted {when} UTC", err=True)
        return str(study["id"])

    def _call(self, method: str, path: str, **options: object) -> object:
        try:
            return super()._call(method, path, **options)
        except ServiceAway as error:
            text = str(error)
            raise Unreachable(f"{text}: {START}" if text.startswith("no service at ") else text) from None
        except ServiceRefused as error:
            asked = f"\n{CHANGED}" if error.kind == "study-changed" else ""
            raise BadInput(f"{error}{asked}", error.problems) from None


@contextmanager
def connect(url: str, api_key: str | None, *, timeout_s: float | None = None) -> Iterator[Caller]:
    """A connection for the length of one command."""
    with Caller(url, api_key, timeout_s=timeout_s or TIMEOUT_S) as client:
        yield client
