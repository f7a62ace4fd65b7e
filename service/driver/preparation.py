"""What a trial needs before it may be leased: its data on disk, and the fingerprint of all it depends on."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from ablations.design.design import Design
from ablations.design.search import tuning_metric
from ablations.errors import Json
from ablations.identity import digest, fingerprint
from ablations.results.environments import DATA, Environment, code_part
from service.driver.places import Place
from service.protocol import Task
from trainables.catalogue import Catalogue
from trainables.data.fingerprints import data_fingerprint
from trainables.digests import code_home
from trainables.errors import TrainableError
from trainables.revisions import revision_of
from trainables.training.lease import Lease


class Preparation:
    """Makes leases. Each dataset is fetched once, by the driver, before anything depends on it."""

    def __init__(
        self, catalogue: Catalogue, design: Design, *, datasets_dir: Path, place: Callable[[], Place]
    ) -> None:
        self._catalogue = catalogue
        self._trainable = design.manifest.name
        self._readings = _readings(design)
        self._metrics = [reading.name for reading in design.readings if reading.kind == "metric"]
        self._searched = [tuning_metric(design.study, design.manifest)[0]] if design.study.tuning else []
        self._datasets_dir = datasets_dir
        self._place = cache(place)
        self._data: dict[str, str | TrainableError] = {}

    def task(self, trial_id: str, settings: Mapping[str, Json], seed: int, *, measuring: bool) -> Task:
        """One trial as the dispenser takes it: its lease, and the metrics a reused result must have.

        A trial of a search, which is not measuring, has no business with the test split.

        Raises: PluginMissing, DataUnavailable.
        """
        data = {
            name: self._data_fingerprint(name) for name in self._catalogue.data_of(self._trainable, settings)
        }
        place = self._place()
        digests = self._catalogue.code_digests(self._trainable, settings)
        lease = Lease(
            trial_id=trial_id,
            settings=dict(settings),
            seed=seed,
            fingerprint=fingerprint(
                settings=settings,
                seed=seed,
                code=digests,
                torch=place.torch,
                numerics=place.numerics,
                threads=place.threads,
                hardware=place.hardware,
                data=_combined(data),
            ),
            data=data,
            code=digests,
            readings=self._readings if measuring else (),
            tests=measuring,
        )
        needed = self._metrics if measuring else self._searched
        environment = self._environment(settings, digests, data)
        return Task(lease=lease, metrics=tuple(needed), environment=environment)

    def _environment(
        self, settings: Mapping[str, Json], digests: Mapping[str, str], data: Mapping[str, str]
    ) -> Environment:
        """What the trial's fingerprint hashes beside its settings and seed, and the commits of its code."""
        place = self._place()
        code = self._catalogue.code_behind(self._trainable, settings)
        revisions = {role: revision_of(code_home(code[role])) for role in digests}
        parts = {code_part(role, self._trainable): digest for role, digest in digests.items()}
        parts |= {f"{DATA}:{name}": found for name, found in data.items()}
        return Environment(
            parts={
                **parts,
                "torch": place.torch,
                "numerics": place.numerics,
                "threads": str(place.threads),
                "hardware": place.hardware,
            },
            commits={code_part(role, self._trainable): found for role, found in revisions.items() if found},
        )

    def _data_fingerprint(self, name: str) -> str:
        if name not in self._data:
            try:
                self._data[name] = data_fingerprint(
                    name,
                    self._datasets_dir,
                    corpus=self._catalogue.is_corpus(name),
                    code=self._catalogue.code("dataset", name),
                )
            except TrainableError as error:
                # Remembered: a download that failed once is not tried again for every trial.
                self._data[name] = error
        known = self._data[name]
        if isinstance(known, TrainableError):
            raise known
        return known


def _combined(data: Mapping[str, str]) -> str | None:
    """One fingerprint for all data of a trial: its own where there is one."""
    return digest(dict(data)) if len(data) > 1 else next(iter(data.values()), None)


def _readings(design: Design) -> tuple[int | Literal["best_validation"], ...]:
    """The points beside the end at which test data is read."""
    points: dict[int | Literal["best_validation"], None] = {}
    for reading in design.readings:
        if reading.kind == "metric" and reading.at != "end":
            points[reading.at] = None
    return tuple(points)
