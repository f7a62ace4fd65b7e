"""Commands that ask a question and steer its answering: plan, submit, watch, extend, cancel and so on."""

import json as json_
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.client import DEFAULT_URL, ApiKey, AsJson, Client, Url, connect
from service.cli.errors import StudyFailed
from service.cli.studyfile import File, Overrides, read_study
from service.cli.system import DataDir, home

Id = Annotated[str, typer.Argument(help="Id of the study.")]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Go on though something has changed; mixed rows get no verdict.")
]
Afresh = Annotated[
    bool, typer.Option("--afresh", help="Run every trial anew; old results are kept as superseded.")
]


def plan(
    file: File,
    overrides: Overrides = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url", envvar="ABLATE_URL", help="Ask this service; by default the plan is made here."
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every arm, row and exclusion.")] = False,
    data_dir: DataDir = None,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """Show what a study will do, without doing it: arms, trials, exclusions, families, cost, power."""
    study = read_study(file, overrides)
    if url:
        with connect(url, api_key) as client:
            answer = client.post("/v1/studies/plan", study)
    else:
        answer = _plan_here(study, home(data_dir) / "datasets")
    if json:
        typer.echo(json_.dumps(answer, indent=2))
    else:
        from service.cli.plan_table import print_plan

        print_plan(answer, name=str(study.get("name", "")), every=every)


def submit(
    file: File,
    overrides: Overrides = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the verdict and print it.")] = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """Submit a study. Prints its id; with --wait follows it to the end and prints the effects."""
    study = read_study(file, overrides)
    with connect(url, api_key) as client:
        created = client.post("/v1/studies", study, headers={"Idempotency-Key": uuid.uuid4().hex})
        _tell(client, created, wait=wait, json=json)


def watch(id: Id, url: Url = DEFAULT_URL, api_key: ApiKey = None, json: AsJson = False) -> None:
    """Follow a study with a live progress bar until it is done; Ctrl-C leaves it running."""
    with connect(url, api_key) as client:
        _finish(client, id, json=json)


def cancel(id: Id, url: Url = DEFAULT_URL, api_key: ApiKey = None, json: AsJson = False) -> None:
    """Cancel a study."""
    _steer(id, "cancel", url, api_key, json=json)


def pause(id: Id, url: Url = DEFAULT_URL, api_key: ApiKey = None, json: AsJson = False) -> None:
    """Hold a study up and free its workers; what has ended is kept."""
    _steer(id, "pause", url, api_key, json=json)


def resume(
    id: Id,
    anyway: Anyway = False,
    afresh: Afresh = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """Let a paused study go on; asks first where code, data or libraries have changed."""
    _steer(id, "resume", url, api_key, json=json, anyway=anyway, afresh=afresh)


def retry(
    id: Id,
    anyway: Anyway = False,
    afresh: Afresh = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """Run the failed trials of an ended study again; asks first as `resume` does."""
    _steer(id, "retry", url, api_key, json=json, anyway=anyway, afresh=afresh)


def extend(
    id: Id,
    seeds: Annotated[int, typer.Option("--seeds", min=2, help="How many seeds in all.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the verdict and print it.")] = False,
    anyway: Anyway = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """Ask the same question with more seeds, as a new study that reuses what is done; prints its id.

    Results that were measured with other code, data or libraries cannot be reused: then it asks first.

    Verdicts come only where `analysis.looks` named this number of seeds before there were results.
    """
    with connect(url, api_key) as client:
        _tell(
            client,
            client.post(f"/v1/studies/{id}/extend{_query(anyway=anyway)}", {"seeds": seeds}),
            wait=wait,
            json=json,
        )


def _steer(id: str, verb: str, url: str, api_key: str | None, *, json: bool, **flags: bool) -> None:
    with connect(url, api_key) as client:
        study = client.post(f"/v1/studies/{id}/{verb}{_query(**flags)}")
    typer.echo(json_.dumps(study, indent=2) if json else f"{id} is {study['state']}")


def _query(**flags: bool) -> str:
    given = [f"{name}=true" for name, wanted in flags.items() if wanted]
    return f"?{'&'.join(given)}" if given else ""


def _plan_here(study: dict[str, Any], datasets_dir: Path) -> dict[str, Any]:
    from ablations.plan.plan import make_plan
    from ablations.study.parsing import parse_study
    from service.sizes import with_sizes
    from trainables.catalogue import load_catalogue

    parsed = parse_study(study)
    plan = make_plan(parsed, load_catalogue(datasets_dir).manifest(parsed.trainable))
    return with_sizes(plan.to_json(), plan.design)


def _tell(client: Client, created: dict[str, Any], *, wait: bool, json: bool) -> None:
    """Say which study was made, and follow it if asked."""
    if wait:
        typer.echo(f"submitted {created['id']}", err=True)
        _finish(client, created["id"], json=json)
    elif json:
        typer.echo(json_.dumps(created, indent=2))
    else:
        typer.echo(created["id"])
        typer.echo(f"follow it with: ablate watch {created['id']}", err=True)


def _finish(client: Client, study_id: str, *, json: bool) -> None:
    from service.cli.watching import follow

    study = follow(client, study_id)
    effects = client.get(f"/v1/studies/{study_id}/effects")
    if json:
        typer.echo(json_.dumps(study, indent=2))
    else:
        from service.cli.tables import print_effects, print_study

        print_study(study)
        print_effects(effects)
    if study["state"] != "done":
        raise StudyFailed(f"the study is {study['state']}: {study.get('error') or 'see `ablate logs`'}")


COMMANDS = (plan, submit, watch, pause, resume, retry, extend, cancel)
