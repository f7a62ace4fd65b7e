"""Commands that look: list, show, trials, effects, claims, logs, report, table, cite, figures, trainables."""

import json as json_
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.client import ApiKey, AsJson, Caller, Id, Url, connect
from service.cli.errors import BadInput
from service.connection import DEFAULT_URL, FINAL
from service.formats import BIBTEX, MEDIA, PRINTED

DRAWING_S = 120.0
PRINTING_S = 200.0
SAME = {"markdown": "md", "tex": "latex", "htm": "html"}


def list_studies(
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    state: Annotated[str | None, typer.Option(help="Only studies in this state.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only studies with this tag, KEY or KEY=VALUE.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most this many.")] = 50,
    json: AsJson = False,
) -> None:
    """List studies, newest first."""
    with connect(url, api_key) as client:
        page = client.get("/v1/studies", limit=limit, state=state, tag=tag)
    if json:
        typer.echo(json_.dumps(page, indent=2))
    else:
        from service.cli.tables import print_studies
        from service.cli.trials import print_failures_of

        print_studies(page["items"], more=bool(page.get("next")))
        print_failures_of(page["items"])


def show(id: Id, url: Url = DEFAULT_URL, api_key: ApiKey = None, json: AsJson = False) -> None:
    """Show a study: its state, progress and links, and why trials failed."""
    with connect(url, api_key) as client:
        id = client.find_id(id)
        study = client.get(f"/v1/studies/{id}")
    if json:
        typer.echo(json_.dumps(study, indent=2))
    else:
        from service.cli.tables import print_study
        from service.cli.trials import print_failures

        print_study(study)
        print_failures(study)


def trials(
    id: Id,
    state: Annotated[str | None, typer.Option(help="Only trials in this state.")] = None,
    phase: Annotated[str | None, typer.Option(help="Only tuning or only measuring ones.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most this many.")] = 50,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """List a study's trials with their numbers, which `logs --trial` takes."""
    with connect(url, api_key) as client:
        id = client.find_id(id)
        study = client.get(f"/v1/studies/{id}")
        page = client.get(f"/v1/studies/{id}/trials", state=state, phase=phase, limit=limit)
    if json:
        typer.echo(json_.dumps(page, indent=2))
    else:
        from service.cli.trials import print_trials

        print_trials(page["items"], study["spec"]["metrics"][0]["name"], more=bool(page.get("next")))


def effects(
    id: Id,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    exploratory: Annotated[
        bool, typer.Option("--exploratory", help="Also the simple effects in every stratum, unadjusted.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show a study's effects: estimate with interval, adjusted p, seeds, verdict."""
    with connect(url, api_key) as client:
        id = client.find_id(id)
        answer = client.get(f"/v1/studies/{id}/effects")
    if json:
        typer.echo(json_.dumps(answer, indent=2))
    else:
        from service.cli.tables import print_effects

        print_effects(answer, exploratory=exploratory)


def claims(
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    json: AsJson = False,
) -> None:
    """Show what finished studies of the presets say about every claim of the abstract."""
    with connect(url, api_key) as client:
        answer = client.get("/v1/claims")
    if json:
        typer.echo(json_.dumps(answer, indent=2))
        return
    from service.cli.claims import claims_markdown, print_claims

    if markdown:
        typer.echo(claims_markdown(answer["items"]))
    else:
        print_claims(answer["items"])


def logs(
    id: Id,
    trial: Annotated[
        str | None, typer.Option("--trial", help="The traceback of this trial, by its number or id.")
    ] = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
) -> None:
    """Print the driver's log, or the traceback of one trial."""
    with connect(url, api_key) as client:
        id = client.find_id(id)
        typer.echo(client.text(f"/v1/studies/{id}/logs", trial=trial).rstrip("\n"))


def report(
    id: Id,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="html, pdf, md, latex, csv (effects), csv-trials or json.  [default: by file name, or md]",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
) -> None:
    """Print a study's report, or write it to a file."""
    chosen = format or (output.suffix.lstrip(".") if output and output.suffix else "md")
    chosen = SAME.get(chosen, chosen)
    if chosen not in MEDIA:
        raise BadInput(f"--format {chosen}: not a format (allowed: {', '.join(MEDIA)})")
    if chosen == PRINTED and output is None:
        raise BadInput("--format pdf: say into which file, as -o report.pdf")
    with connect(url, api_key, timeout_s=PRINTING_S if chosen == PRINTED else None) as client:
        id = client.find_id(id)
        if chosen == PRINTED and output is not None:
            _write(output, client.content(f"/v1/studies/{id}/report", format=chosen))
            typer.echo(f"wrote {output}", err=True)
            return
        text = client.text(f"/v1/studies/{id}/report", accept=MEDIA[chosen], format=chosen)
    if output is None:
        typer.echo(text, nl=not text.endswith("\n"))
        return
    _write(output, text.encode())
    typer.echo(f"wrote {output}", err=True)


def table(
    id: Id,
    of: Annotated[
        str, typer.Option("--of", help="arms (every arm) or effects (the primary contrast).")
    ] = "arms",
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            help="Their names, with commas between: depth,test_accuracy,n. A mean has its spread beside it;"
            " test_accuracy.median names what stands behind it.  [default: what fits a page]",
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
) -> None:
    """Print a table of a study's report in LaTeX, with the columns you name."""
    with connect(url, api_key) as client:
        id = client.find_id(id)
        typer.echo(client.text(f"/v1/studies/{id}/table", of=of, columns=columns), nl=False)


def cite(id: Id, url: Url = DEFAULT_URL, api_key: ApiKey = None) -> None:
    """Print BibTeX of a study and of the software that ran it."""
    with connect(url, api_key) as client:
        id = client.find_id(id)
        typer.echo(client.text(f"/v1/studies/{id}/citation", accept=BIBTEX), nl=False)


def figures(
    id: Id,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write them into this folder; else they are listed.")
    ] = None,
    format: Annotated[str, typer.Option("--format", help="pdf, svg or all.")] = "pdf",
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """List a finished study's figures, or write them into a folder, ready for a paper."""
    if format not in ("pdf", "svg", "all"):
        raise BadInput(f"--format {format}: not a format (allowed: pdf, svg, all)")
    with connect(url, api_key) as client:
        id = client.find_id(id)
        items = _drawn(client, id)
        chosen = [item for item in items if format == "all" or item["name"].endswith(f".{format}")]
        if output is not None:
            for item in chosen:
                _write(output / item["name"], client.content(item["href"]))
    if json:
        typer.echo(json_.dumps(chosen, indent=2))
    elif output is not None:
        typer.echo(f"wrote {len(chosen)} figures to {output}", err=True)
    else:
        for item in chosen:
            typer.echo(f"{item['name']}\t{item['caption']}")
    if not items:
        typer.echo("no figures: they are drawn when a study has ended that measured something", err=True)


def _drawn(client: Caller, study_id: str) -> list[dict[str, Any]]:
    """A study's figures; of one that has just ended, once they are drawn."""
    deadline = time.monotonic() + DRAWING_S
    while True:
        answer = client.get(f"/v1/studies/{study_id}/figures")
        if answer["drawn"] or time.monotonic() > deadline:
            return list(answer["items"])
        if client.get(f"/v1/studies/{study_id}")["state"] not in FINAL:
            return list(answer["items"])
        time.sleep(1.0)


def _write(path: Path, body: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error}") from None


def trainables(
    name: Annotated[str | None, typer.Argument(help="Show the settings and metrics of this one.")] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url", envvar="ABLATE_URL", help="Ask this service; by default what is installed here."
        ),
    ] = None,
    api_key: ApiKey = None,
    json: AsJson = False,
) -> None:
    """List what can be trained, or the settings and metrics of one trainable."""
    path = "/v1/trainables" + (f"/{name}" if name else "")
    if url:
        with connect(url, api_key) as client:
            answer = client.get(path)
    else:
        answer = _installed(name)
    if json:
        typer.echo(json_.dumps(answer, indent=2))
        return
    from service.cli.tables import print_trainable, print_trainables

    if name:
        print_trainable(answer)
    else:
        print_trainables(answer["items"], answer.get("broken", []))


def _installed(name: str | None) -> dict[str, object]:
    from service.api.routes.catalogue import broken_shown, trainable_shown
    from trainables.catalogue import load_catalogue

    catalogue = load_catalogue()
    if name:
        return dict(trainable_shown(catalogue.manifest(name)))
    items = [dict(trainable_shown(manifest)) for manifest in catalogue.trainables.values()]
    return {"items": items, "broken": broken_shown(catalogue)}


COMMANDS = (show, trials, effects, claims, logs, report, table, cite, figures, trainables)
