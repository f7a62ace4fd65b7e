"""`ablate try`: one trial in this process, so that a debugger and a traceback work."""

import json as json_
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.client import AsJson
from service.cli.errors import BadInput, StudyFailed
from service.cli.studyfile import File, Overrides, open_study
from service.cli.system import DataDir, home

Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="FACTOR=LEVEL", help="Which arm, e.g. --where base=mish."),
]


def try_trial(
    file: File,
    where: Where = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="At most this many steps as the trainable counts them."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Which seed.  [default: the study's first]")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where to train: cpu, cuda, cuda:1.")] = "cpu",
    overrides: Overrides = None,
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Run one trial of a study in this process: the first arm that fits, its first seed."""
    from ablations.plan.compile import compile_design
    from ablations.study.parsing import parse_study
    from trainables.catalogue import load_catalogue

    datasets_dir = home(data_dir) / "datasets"
    catalogue = load_catalogue(datasets_dir)
    with open_study(file, overrides).placed() as written:
        study = parse_study(written)
        manifest = catalogue.manifest(study.trainable)
        design = compile_design(study, manifest)
    arm = choose_arm(design.arms, where or ())
    limit = manifest.steps_setting
    shorter = {limit: min(steps, int(arm.settings[limit]))} if steps and limit else {}
    settings = design.resolve(arm, shorter)
    typer.echo(f"{arm.label or study.name}, seed {design.seeds[0] if seed is None else seed}", err=True)
    outcome = _run(
        trainable=study.trainable,
        settings=settings,
        seed=design.seeds[0] if seed is None else seed,
        device=device,
        threads=study.resources.cpus,
        catalogue=catalogue,
        datasets_dir=datasets_dir,
    )
    _tell(outcome, json=json)


def choose_arm(arms: Sequence[Any], where: Sequence[str]) -> Any:
    """The first arm whose levels are as asked.

    Raises: BadInput when a condition is no condition or no arm fits.
    """
    wanted: dict[str, str] = {}
    for condition in where:
        factor, equals, level = condition.partition("=")
        if not equals:
            raise BadInput(f"--where {condition}: write FACTOR=LEVEL, e.g. --where base=mish")
        wanted[factor] = level
    for arm in arms:
        if all(name in arm.levels and _same(arm.levels[name], level) for name, level in wanted.items()):
            return arm
    labels = ", ".join(arm.label for arm in arms[:10])
    raise BadInput(f"no arm has {' '.join(where)} (the first arms: {labels})")


def _same(level: Any, text: str) -> bool:
    if isinstance(level, bool):
        return text.lower() == str(level).lower()
    if isinstance(level, int | float):
        try:
            return float(text) == level
        except ValueError:
            return False
    return str(level) == text


class OneTrial:
    """A source of exactly one trial that keeps what became of it."""

    def __init__(self, lease: Any) -> None:
        self._left = [lease]
        self.outcomes: list[Any] = []

    def draw(self, room: int) -> Sequence[Any]:
        """The trial, once."""
        drawn, self._left = self._left[:room], self._left[room:]
        return drawn

    def report(self, reports: Sequence[Any]) -> Mapping[str, str]:
        """Print the metrics as they come; never stop the trial."""
        for report in reports:
            metrics = " ".join(
                f"{name}={value:.4g}" for name, value in report.metrics.items() if value is not None
            )
            typer.echo(f"  {report.step:g}: {metrics}", err=True)
        return {}

    def commit(self, outcomes: Sequence[Any]) -> None:
        """Keep the outcome."""
        self.outcomes += outcomes


def _run(
    *,
    trainable: str,
    settings: dict[str, Any],
    seed: int,
    device: str,
    threads: int,
    catalogue: Any,
    datasets_dir: Path,
) -> Any:
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    from trainables.data.fingerprints import data_fingerprint
    from trainables.packs.trainer import run_trainer
    from trainables.training.lease import Lease

    data = {
        name: data_fingerprint(
            name, datasets_dir, corpus=catalogue.is_corpus(name), code=catalogue.code("dataset", name)
        )
        for name in catalogue.data_of(trainable, settings)
    }
    lease = Lease(
        trial_id="try",
        settings=settings,
        seed=seed,
        fingerprint="",
        data=data,
    )
    source = OneTrial(lease)
    run_trainer(
        source, trainable=trainable, device=device, threads=threads, datasets_dir=datasets_dir, pack=1
    )
    return source.outcomes[0]


def _tell(outcome: Any, *, json: bool) -> None:
    if json:
        typer.echo(json_.dumps(outcome.to_json(), indent=2))
    else:
        for name, value in outcome.metrics.items():
            typer.echo(f"{name}: {'-' if value is None else format(value, '.6g')}")
    if outcome.state != "done":
        raise StudyFailed(
            f"the trial is {outcome.state}: {outcome.reason}\n{outcome.traceback or ''}".rstrip()
        )


COMMANDS = ()
