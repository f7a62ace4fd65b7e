"""Why trials end without a result: the classes of failure, what each means and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A class of failure: its name, which reasons begin with, what happened and what to do."""

    name: str
    means: str
    advice: str


_ALL = (
    Failure(
        name="node_lost",
        means="nodes or workers were lost again and again; one loss costs a trial nothing",
        advice="see why nodes leave the cluster, then `ablate retry`; trials that save checkpoints lose less",
    ),
    Failure(
        name="out_of_memory",
        means="there was not enough memory on the machine or the device",
        advice="smaller batches, a smaller `pack`, more `cpus` or `gpus` a trial, or larger nodes; then "
        "`ablate retry`",
    ),
    Failure(
        name="process_died",
        means="the worker's process ended, again when the trial ran alone: a crash in compiled code, "
        "os._exit, or a signal",
        advice="run the trial in your own process with `ablate try`; the worker's output is in Ray's logs",
    ),
    Failure(
        name="hung",
        means="the trial reported nothing for a long time and its worker was ended",
        advice="report more often, look for a deadlock with `ablate try`, or raise `ABLATE_STALL_S`",
    ),
    Failure(
        name="worker_failed",
        means="the worker failed outside the trial's own code",
        advice="see the reason and `ablate logs ID`; `ablate doctor` checks the installation",
    ),
    Failure(
        name="attempts_failed",
        means="the study's driver failed several times in a row before anything was gained",
        advice="see `ablate logs ID`; when the cause is mended, `ablate retry ID`",
    ),
    Failure(
        name="plugin_missing",
        means="code that the study names cannot be imported on a worker",
        advice="install the package on every worker, start them again, then `ablate retry`",
    ),
    Failure(
        name="code_mismatch",
        means="code changed after the trial was planned, or differs between nodes",
        advice="have the same code everywhere; `ablate retry` plans the trial anew with the code as it is",
    ),
    Failure(
        name="data_mismatch",
        means="data on a worker differ from those that the trial was planned for",
        advice="have the same files on every node, then `ablate retry`",
    ),
    Failure(
        name="data_unavailable",
        means="a dataset is neither on the worker nor to be had",
        advice="put the file into the datasets folder of every node, then `ablate retry`",
    ),
    Failure(
        name="pack_too_large",
        means="more trials were asked for in one pack than memory holds",
        advice="a smaller `resources.pack`, or `auto`",
    ),
    Failure(
        name="exception",
        means="the trial's own code, or its settings, raised an error",
        advice="read the traceback with `ablate logs ID --trial TRIAL`, mend the code, then `ablate retry`",
    ),
    Failure(
        name="diverged",
        means="a metric was no finite number; the trial counts as the metric's worst value",
        advice="an outcome, not a fault: a smaller learning rate, or keep it as evidence",
    ),
    Failure(
        name="cancelled",
        means="somebody cancelled the study before the trial ended",
        advice="submit the study again; what has finished is reused",
    ),
)
FAILURES = {failure.name: failure for failure in _ALL}
_BY_ERROR = {
    "OutOfMemoryError": "out_of_memory",
    "MemoryError": "out_of_memory",
    "DataUnavailable": "data_unavailable",
}


def classify(state: str, reason: str | None) -> Failure | None:
    """The class of a trial's failure by its state and reason; None for one that did not fail.

    >>> classify("failed", "hung: it reported nothing for 1800 s").name
    'hung'
    >>> classify("failed", "ValueError: no such optimizer").name
    'exception'
    """
    if state in ("diverged", "cancelled"):
        return FAILURES[state]
    if state != "failed":
        return None
    words = [word.strip() for word in (reason or "").split(":", 2)[:2]]
    for word in words:
        if (name := _BY_ERROR.get(word, word)) in FAILURES:
            return FAILURES[name]
    return FAILURES["exception"]


def count_classes(failed: Iterable[tuple[str, str | None]]) -> dict[str, int]:
    """How many of these states with their reasons fall into each class, the largest first."""
    counts: dict[str, int] = {}
    for state, reason in failed:
        failure = classify(state, reason)
        if failure is not None:
            counts[failure.name] = counts.get(failure.name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
