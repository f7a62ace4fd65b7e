"""Tells what a study's trials wait for while the cluster has no place for them."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from threading import Thread

from ray.exceptions import RayError

from service.driver.dispenser import Board
from service.driver.sharing import SlotPlacement
from service.driver.slots import Resources, alive_nodes, placements

logger = logging.getLogger("ablate.driver")

LOOK_S = 2.0


class Needs:
    """Looks beside the run: where nothing fits, even the first question to a worker waits for ever."""

    def __init__(self, board: Board, resources: Resources) -> None:
        self._board = board
        self._resources = resources
        self._told: str | None = None
        self._thread = Thread(target=self._run, name="needs", daemon=True)

    def start(self) -> None:
        """Begin to look, for as long as this process lives."""
        self._thread.start()

    def look(self) -> str | None:
        """What is waited for now; None while trials run or may."""
        nodes = alive_nodes()
        if not any(self._resources.fit_on(node) for node in nodes):
            return missing(self._resources, nodes)
        if self._board.standing()["drew"]:
            return None
        mine, others = placements()
        return taken(self._resources, nodes, others) if mine and all(g.waiting for g in mine) else None

    def _run(self) -> None:
        began = time.monotonic()
        while True:
            try:
                words = self.look()
                # A place that is merely being made is not worth a word.
                if words != self._told and (words is None or time.monotonic() - began >= LOOK_S):
                    self._board.wait_for(words)
                    self._told = words
                    logger.info("waits for %s", words or "nothing any more")
            except RayError as error:
                logger.warning("what is waited for is not known: %s", error)
            time.sleep(LOOK_S)


def missing(resources: Resources, nodes: Sequence[Mapping[str, float]]) -> str:
    """What no node has, in words.

    >>> missing(Resources(cpus=1, gpus=1), [{"CPU": 8.0}])
    '1 GPU: no node of the cluster has one'
    >>> missing(Resources(cpus=4, gpus=0), [{"CPU": 2.0}, {"CPU": 1.0}])
    '4 CPUs on one node: none of 2 has more than 2'
    >>> missing(Resources(cpus=4, gpus=1), [{"CPU": 8.0}, {"CPU": 1.0, "GPU": 1.0}])
    '4 CPUs and 1 GPU on one node: none of 2 has both'
    >>> missing(Resources(cpus=1, gpus=0), [])
    '1 CPU: the cluster has no node'
    """
    wanted = _words(resources.amounts)
    if not nodes:
        return f"{wanted}: the cluster has no node"
    for name, amount in resources.amounts.items():
        most = max(node.get(name, 0.0) for node in nodes)
        if most == 0:
            return f"{_words({name: amount})}: no node of the cluster has one"
        if most < amount:
            return f"{_words({name: amount})} on one node: none of {len(nodes)} has more than {most:g}"
    return f"{wanted} on one node: none of {len(nodes)} has both"


def taken(resources: Resources, nodes: Sequence[Mapping[str, float]], others: Iterable[SlotPlacement]) -> str:
    """That others have it, in words.

    >>> group = SlotPlacement(job="a", amounts={"CPU": 3.0}, waiting=False)
    >>> other = SlotPlacement(job="b", amounts={"CPU": 1.0}, waiting=False)
    >>> taken(Resources(cpus=1, gpus=0), [{"CPU": 4.0}], [group, other])
    '1 CPU: 2 other studies have 4 of 4 CPUs'
    """
    name = max(resources.amounts, key=lambda each: each == "GPU")
    held: Counter[str] = Counter()
    for group in others:
        if not group.waiting and group.amounts.get(name):
            held[group.job] += group.amounts[name]  # type: ignore[assignment]
    total = sum(node.get(name, 0.0) for node in nodes)
    who = f"{len(held)} other {'study has' if len(held) == 1 else 'studies have'}"
    if not held:
        return f"{_words(resources.amounts)}: a place is being made"
    return f"{_words(resources.amounts)}: {who} {sum(held.values()):g} of {_words({name: total})}"


def _words(amounts: Mapping[str, float]) -> str:
    return " and ".join(f"{amount:g} {name}{'' if amount <= 1 else 's'}" for name, amount in amounts.items())
