"""What befalls the processes of one schedule: crashes, losses, freezes and jumps of the clock."""

from collections.abc import Callable
from random import Random
from typing import Protocol

from tests.simulation.api import SimApi
from tests.simulation.cluster import SimRay
from tests.simulation.conditions import Conditions
from tests.simulation.kernel import Kernel, Process
from tests.simulation.memory_ledger import LedgerTrouble
from tests.simulation.tracking import SimMlflow


class Struck(Protocol):
    """What misfortune needs of a world."""

    seed: int
    conditions: Conditions
    kernel: Kernel
    api: SimApi
    mlflow: SimMlflow
    ray: SimRay
    trouble: LedgerTrouble
    workers: list[Process]

    def start_worker(self, number: int) -> Process:
        """A fresh worker."""


class Misfortune:
    """Faults of the kinds that a schedule has, at random, until it is to be calm."""

    def __init__(self, world: Struck) -> None:
        self.world = world
        self.conditions = world.conditions
        self.rng = Random(f"{world.seed} misfortune")

    def run(self) -> None:
        world = self.world
        while True:
            world.kernel.sleep(self.rng.expovariate(1 / self.conditions.every_s))
            if world.kernel.now >= self.conditions.calm_at_s:
                return
            kind = self.rng.choice(self.conditions.faults)
            world.kernel.say(f"fault: {kind}")
            getattr(self, f"_{kind}")()

    def _api(self) -> None:
        self.world.api.crash(self.rng.uniform(0.5, 10))

    def _worker(self) -> None:
        number = self.rng.randrange(len(self.world.workers))
        self.world.kernel.kill(self.world.workers[number])
        self._restart(number, self.rng.uniform(0.5, 10))

    def _restart(self, number: int, in_s: float) -> None:
        world = self.world

        def start() -> None:
            if not world.workers[number].alive:
                world.workers[number] = world.start_worker(number)

        world.kernel.process("supervisor").spawn(start, "worker", in_s=in_s)

    def _driver(self) -> None:
        self._kill_one(lambda name: name.count(" ") == 0)

    def _dispenser(self) -> None:
        self._kill_one(lambda name: name.endswith(" dispenser"))

    def _slot(self) -> None:
        self._kill_one(lambda name: " s" in name)

    def _kill_one(self, which: Callable[[str], bool]) -> None:
        if victims := self._jobs(which):
            self.world.kernel.kill(self.rng.choice(victims), 1)

    def _jobs(self, which: Callable[[str], bool]) -> list[Process]:
        return [
            process
            for process in self.world.kernel._processes
            if process.alive and process.name.startswith("ablate-") and which(process.name)
        ]

    def _node(self) -> None:
        self.world.ray.lose_node(self.rng.randrange(self.world.ray.num_nodes))

    def _head(self) -> None:
        self.world.ray.lose_head(self.rng.uniform(1, 10), self.rng.choice((0.0, 5.0, 40.0)))

    def _mlflow(self) -> None:
        self.world.mlflow.crash(self.rng.uniform(0.5, 15))

    def _ledger(self) -> None:
        self.world.trouble.away_until = self.world.kernel.now + self.rng.uniform(0.1, 15)

    def _clock(self) -> None:
        self.world.kernel.wall_offset += self.rng.choice((-60.0, -5.0, 5.0, 60.0, 600.0))

    def _freeze(self) -> None:
        """SIGSTOP and, later, SIGCONT."""
        victims = self._jobs(lambda _name: True) + self.world.workers
        victim = self.rng.choice(victims)
        victim.stopped_until = self.world.kernel.now + self.rng.uniform(1, 60)

    def _fuse(self) -> None:
        """Somebody dies at one of the next steps, wherever that is."""
        world = self.world
        victims = [*self._jobs(lambda _name: True), *world.workers, world.api.process]
        victim = self.rng.choice(
            [one for one in victims if one is not None and one.alive] or [world.workers[0]]
        )
        victim.fuse = self.rng.randrange(40)
        if victim in world.workers:
            number = world.workers.index(victim)
            victim.mourners.append(lambda: self._restart(number, self.rng.uniform(0.5, 5)))
        elif victim is world.api.process:
            victim.mourners.append(lambda: world.api.crash(self.rng.uniform(0.5, 5)))
