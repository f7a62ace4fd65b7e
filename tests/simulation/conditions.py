"""What one schedule is like: its studies, its faults and their frequency, all drawn from the seed.

Every schedule has faults of some kinds only (swarm testing): where all kinds happen at once, each hides
the traces of the others. Source: Groce et al., "Swarm Testing", ISSTA 2012.
"""

from dataclasses import dataclass
from random import Random

from tests.simulation.cluster import Lies
from tests.simulation.driver import Pace
from tests.simulation.network import Weather
from tests.simulation.studies import FORMS

FAULTS = (
    "api", "worker", "driver", "dispenser", "slot", "node", "head", "mlflow", "ledger", "clock", "freeze",
    "fuse",
)  # fmt: skip
VERBS = ("cancel", "pause", "resume", "retry", "extend")
LEAST_S, MOST_S = 5.0, 35.0
QUIET_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a user asks, when, and how many times at once."""

    verb: str
    study: int
    at_s: float
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """All that a seed decides beside the order of steps. Times are virtual seconds."""

    forms: tuple[str, ...]
    requests: tuple[Request, ...]
    faults: tuple[str, ...]
    every_s: float
    """How long it is between faults, on average."""
    calm_at_s: float
    weather: Weather
    actor_weather: Weather
    mlflow_weather: Weather
    locked: float
    commit_unknown: float
    lies: Lies
    pace: Pace
    lease_s: float
    slowness: float
    num_workers: int
    small_slices: bool
    ends_resumed: bool

    @property
    def quiet(self) -> bool:
        """Whether nothing at all happens to anybody."""
        trouble = self.faults or self.requests or self.locked or self.commit_unknown
        return not trouble and self.weather == Weather() and self.lies == Lies()


def draw_conditions(seed: int) -> Conditions:
    """The conditions of a seed."""
    rng = Random(f"{seed} conditions")
    quiet = rng.random() < QUIET_SHARE
    forms = tuple(
        rng.choices(list(FORMS), weights=[5, 1, 2, 1, 2, 1, 1, 2], k=1 if rng.random() < 0.85 else 2)
    )
    calm_at_s = rng.uniform(LEAST_S, MOST_S)
    faults = () if quiet else tuple(name for name in FAULTS if rng.random() < 0.25)
    stormy, lying = not quiet and rng.random() < 0.5, not quiet and rng.random() < 0.3
    return Conditions(
        forms=forms,
        requests=() if quiet or rng.random() < 0.4 else _requests(rng, len(forms), calm_at_s),
        faults=faults,
        every_s=rng.choice((4.0, 8.0, 16.0)),
        calm_at_s=calm_at_s,
        weather=_weather(rng, 0.15, 60.0) if stormy else Weather(),
        actor_weather=_weather(rng, 0.005, 2.0) if stormy and rng.random() < 0.3 else Weather(slow_s=0.002),
        mlflow_weather=_weather(rng, 0.15, 15.0) if stormy and rng.random() < 0.5 else Weather(),
        locked=rng.choice((0.0, 0.02, 0.08)) if stormy else 0.0,
        commit_unknown=rng.choice((0.0, 0.02, 0.1)) if stormy else 0.0,
        lies=_lies(rng) if lying else Lies(),
        pace=Pace(
            beat_s=rng.choice((1.0, 3.0, 4.0)),
            tune_s=0.5,
            step_s=rng.choice((0.5, 1.0, 3.0)),
            pack=rng.choice((1, 2, 4)),
        ),
        lease_s=rng.choice((6.0, 10.0, 20.0)),
        slowness=rng.choice((4.0, 8.0, 16.0)),
        num_workers=2 if rng.random() < 0.2 else 1,
        small_slices=rng.random() < 0.15,
        ends_resumed=rng.random() < 0.8,
    )


def _requests(rng: Random, num_studies: int, by_s: float) -> tuple[Request, ...]:
    return tuple(
        Request(
            verb=rng.choice(VERBS),
            study=rng.randrange(num_studies),
            at_s=rng.uniform(0.0, by_s),
            times=2 if rng.random() < 0.3 else 1,
        )
        for _ in range(rng.choice((1, 1, 2, 3, 5)))
    )


def _weather(rng: Random, most: float, most_late_s: float) -> Weather:
    def often() -> float:
        return rng.uniform(0, most) if rng.random() < 0.5 else 0.0

    return Weather(
        lost=often(),
        answer_lost=often(),
        late=often(),
        repeated=often(),
        slow_s=rng.choice((0.002, 0.02, 0.2)),
        most_late_s=most_late_s,
    )


def _lies(rng: Random) -> Lies:
    return Lies(
        failed_alive=rng.choice((0.0, 0.5)),
        starts_late=rng.choice((0.0, 0.0, 0.3)),
        stale=rng.choice((0.0, 0.3)),
    )
