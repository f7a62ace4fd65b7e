"""The command `export`: a study for programs of others."""

from typing import Annotated

import typer

from service.cli.client import ApiKey, Id, Url, connect
from service.cli.errors import BadInput
from service.connection import DEFAULT_URL

Storage = Annotated[str, typer.Option("--optuna", help="Where Optuna keeps studies, as sqlite:///file.db.")]


def export(id: Id, optuna: Storage, url: Url = DEFAULT_URL, api_key: ApiKey = None) -> None:
    """Write a study's searches as studies of Optuna, which optuna-dashboard shows and Optuna goes on with."""
    with connect(url, api_key) as client:
        id = client.find_id(id)
        study = client.get(f"/v1/studies/{id}")
        searches = client.get(f"/v1/studies/{id}/searches")["items"]
    if not searches:
        raise BadInput(f"study {id} has searched nothing: --optuna exports candidates of its tuning")
    from optuna.exceptions import DuplicatedStudyError
    from sqlalchemy.exc import SQLAlchemyError

    from service.client.optuna_studies import write_searches

    try:
        told = write_searches(searches, optuna, study_id=id, name=study["name"])
    except DuplicatedStudyError as error:
        raise BadInput(
            f"--optuna {optuna}: has a study {str(error)!r} already; nothing was written"
        ) from None
    except (SQLAlchemyError, ValueError, ImportError) as error:
        raise BadInput(f"--optuna {optuna}: {str(error).splitlines()[0]}") from None
    for name, num_trials in told.items():
        typer.echo(f"{num_trials} trials: {name}")


COMMANDS = (export,)
