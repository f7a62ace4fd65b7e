"""Studies by what people call them, and how lists fit a terminal and a pipe."""

import re

import httpx
import pytest

from service.cli.tables import SHORT_ID
from tests.unit.service.cli.conftest import Ablate, Service

ROW = {"of": "mish", "against": "relu", "verdict": "inconclusive"}
ROWS = [ROW, ROW, {**ROW, "verdict": "better"}]
JUDGED = {"interim": False, "contrasts": [{"primary": True, "rows": ROWS}]}
NAMES = ("a/b twice", "a/b twice", "once")


@pytest.fixture
def three(service: Service) -> list[str]:
    """Two studies of one name, then one of another."""
    return [service.submit(name=name) for name in NAMES]


def test_a_study_is_found_by_id_beginning_name_and_last(
    service: Service, ablate: Ablate, three: list[str]
) -> None:
    first, second, third = three
    for word, meant in ((first, first), (first[:-1], first), ("a/b twice", second), ("last", third)):
        told = ablate("show", word)
        assert told.code == 0 and f"  {meant}  " in told.out
        assert told.err.startswith("" if word == meant else f"{word} is {meant}, ")
        page = httpx.get(f"{service.url}/studies/{word}", follow_redirects=True)
        assert page.status_code == 200 and str(page.url) == f"{service.url}/studies/{meant}"


def test_a_name_is_taken_before_the_beginning_of_an_id(
    service: Service, ablate: Ablate, three: list[str]
) -> None:
    named = service.submit(name=three[0][:5])
    assert f"  {named}  " in ablate("show", three[0][:5]).out


def test_an_ambiguous_beginning_is_refused_with_its_candidates(ablate: Ablate, three: list[str]) -> None:
    told = ablate("cancel", three[0][:4])
    assert (told.code, told.out) == (2, "")
    assert all(f"{study_id} ({name})" in told.err for study_id, name in zip(three, NAMES, strict=True))
    assert all("queued" in ablate("show", study_id).out for study_id in three)


@pytest.mark.parametrize("word", ["absent", "01%25", "_", "d" * 24])
@pytest.mark.usefixtures("three")
def test_what_means_no_study(service: Service, ablate: Ablate, word: str) -> None:
    assert ablate("show", word).code == 2
    assert httpx.get(f"{service.url}/studies/{word}").status_code == 404


@pytest.mark.parametrize("command", ["watch", "effects", "trials", "logs", "cancel", "pause", "delete --yes"])
def test_every_command_takes_a_name(service: Service, ablate: Ablate, command: str) -> None:
    study_id = service.submit(name="mine")
    if command not in ("cancel", "pause"):
        service.end(study_id, {})
    told = ablate(*command.split(), "mine")
    assert told.code == 0 and f"mine is {study_id}" in told.err


def test_a_list_has_the_verdicts_and_fits_where_it_is_shown(
    service: Service, ablate: Ablate, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_id = service.submit(name="a-rather-long-name-of-a-study-that-asks-something")
    service.end(study_id, {1: "ValueError: no"}, JUDGED)
    piped = ablate("list").out
    assert study_id in piped and "2 inconclusive; 1 better" in piped and "7/8" in piped
    assert not re.search(r" $", piped, re.MULTILINE)
    monkeypatch.setenv("COLUMNS", "80")
    narrow = ablate("list", "--limit", "1").out
    assert max(map(len, narrow.splitlines())) <= 80
    assert study_id[:SHORT_ID] in narrow and study_id not in narrow.split("1 of 8")[0]
    assert "".join(narrow.split()).count("inconclusive") == 1 and "…" not in narrow


def test_the_version(ablate: Ablate) -> None:
    told = ablate("--version")
    assert told.code == 0 and re.fullmatch(r"ablate \d+\.\d+\S*\n", told.out)
