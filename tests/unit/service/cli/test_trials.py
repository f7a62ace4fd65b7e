"""Failures where people look: how many, why, where the traceback is, and the exit code."""

import json

import pytest

from ablations.results.failures import FAILURES
from service.cli.trials import print_failures, reason_text
from tests.unit.service.cli.conftest import Ablate, Service

LOST = {2: "ValueError: bad\nmould", 3: "hung: it hung 2 times [x]", 5: "ValueError: bad\nmould"}
TUNING = {"candidates": 2, "space": {"lr": [0.1, 0.2]}, "sampler": "grid", "metric": {"name": "val_loss"}}


@pytest.mark.parametrize("command", [["watch"], ["show"], ["list"]])
def test_failures_are_told_by_reason_with_the_command_that_shows_a_traceback(
    service: Service, ablate: Ablate, command: list[str]
) -> None:
    study_id = service.submit()
    service.end(study_id, LOST)
    told = ablate(*command, *([] if command == ["list"] else [study_id]))
    assert "3 of 8 trials failed\n" in told.out
    assert "  2 x ValueError: bad mould (trial 2)\n" in told.out
    assert "  1 x hung: it hung 2 times [x] (trial 3)\n" in told.out
    shows = next(line for line in told.out.splitlines() if line.startswith("traceback: "))
    traceback = ablate(*shows.removeprefix("traceback: ablate ").split())
    assert (traceback.code, traceback.out) == (0, "Traceback: boom\n")


def test_show_says_what_to_do_about_each_class(service: Service, ablate: Ablate) -> None:
    study_id = service.submit()
    service.end(study_id, LOST)
    told = ablate("show", study_id).out
    assert all(FAILURES[name].advice in told for name in ("exception", "hung"))


def test_a_failed_measurement_is_an_error_unless_it_is_allowed(service: Service, ablate: Ablate) -> None:
    whole, holed = service.submit(), service.submit()
    service.end(whole, {})
    service.end(holed, LOST)
    assert ablate("watch", whole).code == 0
    told = ablate("watch", holed)
    assert told.code == 1 and "--allow-failures" in told.err
    assert ablate("watch", holed, "--allow-failures").code == 0
    told = ablate("watch", holed, "--json")
    assert told.code == 1 and [alike["num"] for alike in json.loads(told.out)["failures"]] == [2, 1]


def test_a_failed_candidate_of_a_search_is_no_error(service: Service, ablate: Ablate) -> None:
    study_id = service.submit(tuning=TUNING, fixed={})
    service.end(study_id, {1: "ValueError: bad lr"})
    assert (
        json.loads(ablate("trials", study_id, "--state", "failed", "--json").out)["items"][0]["phase"]
        == "tuning"
    )
    told = ablate("watch", study_id)
    assert told.code == 0 and "1 x ValueError: bad lr (trial 1)" in told.out


def test_why_trials_fail_is_told_while_a_study_is_watched(service: Service, ablate: Ablate) -> None:
    study_id = service.submit()
    service.end(study_id, LOST)
    assert "trial 2 failed: ValueError: bad mould\n" in ablate("watch", study_id).err


def test_trials_are_listed_with_the_numbers_that_logs_takes(service: Service, ablate: Ablate) -> None:
    study_id = service.submit()
    service.end(study_id, LOST)
    lines = ablate("trials", study_id).out.splitlines()
    assert [line.split()[0] for line in lines if line.split()[:1] and line.split()[0].isdecimal()] == [
        *"12345678"
    ]
    assert "ValueError: bad mould" in next(line for line in lines if line.split()[:1] == ["5"])
    told = ablate("logs", study_id, "--trial", "9")
    assert told.code == 2 and "no trial '9'" in told.err


def test_what_is_not_told_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    alike = {"num": 2, "failure": "exception", "reason": "KeyError: 1", "trial": 4}
    print_failures({"id": "s1", "progress": {"failed": 9, "total": 9}, "failures": [alike]}, advice=False)
    assert "  7 for other reasons: ablate trials s1 --state failed\n" in capsys.readouterr().out


def test_a_reason_is_one_line_that_cannot_steer_a_terminal() -> None:
    said = {"failure": "exception", "reason": "\x1b[2J ValueError:\n" + "x" * 500}
    assert reason_text(said, room=30) == "?[2J ValueError: xxxxxxxxxxxx…"
    assert reason_text({"failure": "hung", "reason": None}) == FAILURES["hung"].means
