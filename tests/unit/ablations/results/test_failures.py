"""A trial's reason tells the class of its failure."""

import pytest

from ablations.results.failures import FAILURES, classify, count_classes


@pytest.mark.parametrize(
    ("state", "reason", "name"),
    [
        ("failed", "process_died: its worker's process died 3 times", "process_died"),
        ("failed", "node_lost: its node or worker was lost 20 times", "node_lost"),
        ("failed", "DataMismatch: data_mismatch: mnist here is 1", "data_mismatch"),
        ("failed", "PluginMissing: plugin_missing: no trainable 'x'", "plugin_missing"),
        ("failed", "DataUnavailable: no such file", "data_unavailable"),
        ("failed", "OutOfMemoryError: CUDA out of memory. Tried to allocate", "out_of_memory"),
        ("failed", "MemoryError: ", "out_of_memory"),
        ("failed", "ValueError: the network hung: no step", "exception"),
        ("failed", None, "exception"),
        ("diverged", "loss is nan at step 3", "diverged"),
        ("cancelled", "study cancelled", "cancelled"),
    ],
)
def test_classes(state: str, reason: str | None, name: str) -> None:
    failure = classify(state, reason)
    assert failure is not None and failure.name == name


@pytest.mark.parametrize("state", ["done", "planned", "running", "pruned"])
def test_what_did_not_fail_has_no_class(state: str) -> None:
    assert classify(state, "hung: no") is None


def test_the_largest_class_comes_first() -> None:
    failed = [("failed", "hung: x"), ("diverged", None), ("failed", "hung: y"), ("done", None)]
    assert count_classes(failed) == {"hung": 2, "diverged": 1}


def test_every_class_says_what_happened_and_what_to_do() -> None:
    assert all(failure.means and failure.advice for failure in FAILURES.values())
