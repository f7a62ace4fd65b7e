"""Where trials will run, as far as their results depend on it, asked of processes of their kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainables.kernel import memory_kills
from trainables.leftovers import end_strays
from trainables.slot import ReadySlot

DEFAULT_ENV = {"PL_DISABLE_FORK": "1"}
PASSED_ON = (
    "RAY_CHDIR_TO_TRIAL_DIR",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
)


ANSWER_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trials run, as far as their results depend on it."""

    torch: str
    numerics: str
    threads: int
    hardware: str


def slot_env(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that Tune gives to a slot's process; Ray uses an idle process only if it has the same."""
    return DEFAULT_ENV | {name: env[name] for name in PASSED_ON if name in env}


class Workers:
    """Processes that are started and loaded before there are slots, to be a study's first ones.

    They hold no CPU until then, and end with the driver that started them.
    """

    def __init__(self, env: Mapping[str, str], datasets_dir: Path, most: int) -> None:
        self._alike = {"env_vars": slot_env(env)}
        self._datasets_dir = datasets_dir
        self._most = most
        self.ready: list[ReadyWorker] = []

    def load(self) -> None:
        """Start them, spread over the nodes with CPUs, and no more than there are CPUs."""
        nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
        total = int(sum(node["Resources"]["CPU"] for node in nodes))
        for node in islice(cycle(nodes), min(self._most, total)):
            here = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
            actor = (
                ray.remote(ReadySlot)
                .options(num_cpus=0, runtime_env=self._alike, scheduling_strategy=here)
                .remote()
            )
            name = next(name for name in node["Resources"] if name.startswith("node:") and "__" not in name)
            self.ready.append(
                ReadyWorker(actor=actor, node=name, loaded=actor.load.remote(self._datasets_dir))
            )

    def files(self) -> set[str]:
        """All files that they have loaded; waits until they have."""
        return {file for each in self.ready for file in ray.get(each.loaded)[1]}

    def place(self, device: str, cpus: int, gpus: float) -> Callable[[], Place]:
        """The place of trials with these resources, as a worker of their kind knows it.

        On GPUs one is asked that waits for a place like the trials'.
        """
        if device == "cpu" and self.ready:
            return lambda: _place_of(ray.get(self.ready[0].loaded)[0], cpus)
        amounts = {"num_cpus": 0} if device == "cpu" else {"num_cpus": cpus, "num_gpus": gpus}
        asked = ray.remote(ask).options(**amounts, runtime_env=self._alike).remote(device, cpus)
        return lambda: _place_of(ray.get(asked), cpus)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyWorker:
    """A `ReadySlot` of Ray's, the resource that only its node has, and a reference to what it has loaded."""

    actor: Any
    node: str
    loaded: Any


def ask(device: str, threads: int) -> dict[str, Any]:
    """This process's numerical environment. Imports torch."""
    # Only here: the driver runs this on a worker and stays without torch itself.
    from trainables.training.numerics import environment

    return environment(device, threads)


def _place_of(environment: Mapping[str, Any], threads: int) -> Place:
    return Place(
        torch=str(environment["torch"]),
        numerics=str(environment["numerics"]),
        threads=threads,
        hardware=str(environment["hardware"]),
    )


def look_after_death() -> int:
    """End what dead workers of this machine have left; how many processes its kernel has killed."""
    end_strays()
    return memory_kills()


def memory_kills_on(node_id: str) -> int | None:
    """How many processes the kernel of a node has killed for memory; None if the node does not answer.

    Asked after the death of a worker, whose own processes are ended with this.
    """
    if node_id == ray.get_runtime_context().get_node_id():
        return look_after_death()
    there = NodeAffinitySchedulingStrategy(node_id=node_id, soft=False)
    try:
        return int(
            ray.get(
                ray.remote(look_after_death)
                .options(num_cpus=0, scheduling_strategy=there, max_retries=0)
                .remote(),
                timeout=ANSWER_S,
            )
        )
    except ray.exceptions.RayError:
        return None
