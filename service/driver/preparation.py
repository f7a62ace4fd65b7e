"""What a trial needs before it may be leased: its data on disk, and the fingerprint of all it depends on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.errors import Json
from ablations.identity import fingerprint
from trainables.catalogue import Catalogue
from trainables.data.vision import prepare
from trainables.training.lease import Lease
from trainables.training.numerics import environment

DATASET = "dataset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trials run, as far as their results depend on it."""

    torch: str
    numerics: str
    threads: int
    hardware: str


class Preparation:
    """Makes leases. Each dataset is fetched once, by the driver, before anything depends on it."""

    def __init__(self, catalogue: Catalogue, trainable: str, *, datasets_dir: Path, place: Place) -> None:
        self._catalogue = catalogue
        self._trainable = trainable
        self._datasets_dir = datasets_dir
        self._place = place
        self._data: dict[str, str] = {}

    def lease(self, trial_id: str, settings: Mapping[str, Json], seed: int) -> dict[str, Any]:
        """The lease of one trial, as JSON."""
        data = self._data_fingerprint(settings.get(DATASET))
        return Lease(
            trial_id=trial_id,
            settings=dict(settings),
            seed=seed,
            fingerprint=fingerprint(
                settings=settings,
                seed=seed,
                code=self._catalogue.code_digests(self._trainable, settings),
                torch=self._place.torch,
                numerics=self._place.numerics,
                threads=self._place.threads,
                hardware=self._place.hardware,
                data=data,
            ),
            data_fingerprint=data,
        ).to_json()

    def _data_fingerprint(self, name: Json) -> str | None:
        if not isinstance(name, str):
            return None
        if name not in self._data:
            self._data[name] = prepare(name, self._datasets_dir).fingerprint
        return self._data[name]


def place(*, threads: int) -> Place:
    """This process's place."""
    here = environment()
    return Place(
        torch=str(here["torch"]),
        numerics=str(here["numerics"]),
        threads=threads,
        hardware=str(here["hardware"]),
    )
