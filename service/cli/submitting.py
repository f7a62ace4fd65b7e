"""Commands that ask a question and steer its answering: plan, submit, watch, extend, delete and so on."""

import json as json_
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.client import ApiKey, AsJson, Caller, Id, Url, connect
from service.cli.errors import BadInput, StudyFailed
from service.cli.studyfile import File, Overrides, open_study
from service.cli.system import DataDir, home
from service.connection import DEFAULT_URL

Anyway = Annotated[
    bool, typer.Option("--anyway", help="Go on though something has changed; mixed rows get no verdict.")
]
AllowFailures = Annotated[
    bool, typer.Option("--allow-failures", help="Exit code 0 though trials failed, if the study is done.")
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
    with open_study(file, overrides).placed() as study:
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
    allow_failures: AllowFailures = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """Submit a study. Prints its id; with --wait follows it to the end and prints the effects.

    Exit code 1 if the study or a trial that measures failed.
    """
    with connect(url, api_key) as client:
        with open_study(file, overrides).placed() as study:
            created = client.post("/v1/studies", study, once=True)
        _tell(client, created, wait=wait, json=json, allow_failures=allow_failures)


def watch(
    id: Id,
    allow_failures: AllowFailures = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """Follow a study with a live progress bar until it is done; Ctrl-C leaves it running.

    Exit code 1 if the study or a trial that measures failed.
    """
    with connect(url, api_key) as client:
        id = client.find_id(id)
        _finish(client, id, json=json, allow_failures=allow_failures)


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
    allow_failures: AllowFailures = False,
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
        id = client.find_id(id)
        path = f"/v1/studies/{id}/extend"
        created = client.post(path, {"seeds": seeds}, once=True, anyway=anyway or None)
        _tell(client, created, wait=wait, json=json, allow_failures=allow_failures)


def delete(
    id: Id,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """Delete an ended study: its trials, results, report, checkpoints, and its experiment in MLflow.

    Other studies keep the results that they reused. Repeating it changes nothing.
    """
    with connect(url, api_key) as client:
        id = client.find_id(id)
        if not yes:
            _confirm(client, id)
        gone = client.delete(f"/v1/studies/{id}")
    reused = f"; {gone['num_reused']} of them live on in other studies" if gone["num_reused"] else ""
    said = f"{id} ({gone['name']}) is deleted with {gone['num_trials']} trials{reused}"
    typer.echo(json_.dumps(gone, indent=2) if json else said)


def _confirm(client: Caller, id: str) -> None:
    study = client.get(f"/v1/studies/{id}")
    if not sys.stdin.isatty():
        raise BadInput("deleting is final: say --yes where nobody can be asked")
    what = f"{study['name']} ({study['state']}, {study['progress']['total']} trials)"
    if not typer.confirm(f"Delete {what}? It cannot be brought back.", err=True):
        raise BadInput("nothing was deleted")


def _steer(id: str, verb: str, url: str, api_key: str | None, *, json: bool, **flags: bool) -> None:
    with connect(url, api_key) as client:
        id = client.find_id(id)
        wanted = {name: True for name, asked in flags.items() if asked}
        study = client.post(f"/v1/studies/{id}/{verb}", once=True, **wanted)
    typer.echo(json_.dumps(study, indent=2) if json else f"{id} is {study['state']}")


def _plan_here(study: dict[str, Any], datasets_dir: Path) -> dict[str, Any]:
    from ablations.plan.plan import make_plan
    from ablations.study.parsing import parse_study
    from service.sizes import with_sizes
    from trainables.catalogue import load_catalogue

    parsed = parse_study(study)
    plan = make_plan(parsed, load_catalogue(datasets_dir).manifest(parsed.trainable))
    return with_sizes(plan.to_json(), plan.design)


def _tell(client: Caller, created: dict[str, Any], *, wait: bool, json: bool, allow_failures: bool) -> None:
    """Say which study was made, and follow it if asked."""
    if wait:
        typer.echo(f"submitted {created['id']}", err=True)
        _finish(client, created["id"], json=json, allow_failures=allow_failures)
    elif json:
        typer.echo(json_.dumps(created, indent=2))
    else:
        typer.echo(created["id"])
        typer.echo(f"follow it with: ablate watch {created['id']}", err=True)


def _finish(client: Caller, study_id: str, *, json: bool, allow_failures: bool) -> None:
    from service.cli.watching import follow

    study = follow(client, study_id)
    effects = client.get(f"/v1/studies/{study_id}/effects")
    if json:
        typer.echo(json_.dumps(study, indent=2))
    else:
        from service.cli.tables import print_effects, print_study
        from service.cli.trials import print_failures

        print_study(study)
        print_failures(study)
        print_effects(effects)
    if study["state"] != "done":
        raise StudyFailed(f"the study is {study['state']}: {study.get('error') or 'see `ablate logs`'}")
    if study["failures"] and not allow_failures:
        trials = f"/v1/studies/{study_id}/trials"
        if client.get(trials, phase="measuring", state="failed", limit=1)["items"]:
            raise StudyFailed("trials failed and are missing in the answer (--allow-failures: no error)")


COMMANDS = (plan, submit, watch, pause, resume, retry, extend, cancel, delete)
