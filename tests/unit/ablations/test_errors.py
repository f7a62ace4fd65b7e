"""Problems: all of them at once, each once, of the class that fits them all."""

import pickle

import pytest

from ablations.errors import MAX_PROBLEMS, InvalidStudy, NotSupported, Problem, Problems, TooFewSeeds


def test_a_message_is_a_problem_without_a_path() -> None:
    error = TooFewSeeds("needs 2 seeds, got 1")
    assert error.problems == (Problem(path="", detail="needs 2 seeds, got 1"),)
    assert str(error) == "needs 2 seeds, got 1"


def test_errors_travel_between_processes() -> None:
    error = TooFewSeeds(Problem(path="seeds", detail="too few", allowed=2))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is TooFewSeeds and again.problems == error.problems
    assert str(again) == "seeds: too few (allowed: 2)"
    assert again.problems[0].to_json() == {"path": "seeds", "detail": "too few", "allowed": 2}


def test_the_class_is_the_one_all_problems_share() -> None:
    problems = Problems()
    problems.raise_if_any()
    assert not problems
    problems.unsupported("a", "magic")
    with pytest.raises(NotSupported) as only:
        problems.raise_if_any()
    assert only.value.problems[0].detail == "not supported yet: magic"
    problems.add("b", "wrong")
    problems.add("b", "wrong")
    with pytest.raises(InvalidStudy) as mixed:
        problems.raise_if_any()
    assert type(mixed.value) is InvalidStudy and len(mixed.value.problems) == 2


def test_what_is_raised_inside_is_noted() -> None:
    problems = Problems()
    with problems.noting():
        raise TooFewSeeds("none")
    with pytest.raises(TooFewSeeds):
        problems.raise_if_any()


def test_no_answer_is_endless() -> None:
    error = InvalidStudy(Problem(path=str(i), detail="wrong") for i in range(1000))
    assert len(error.problems) == MAX_PROBLEMS + 1 and "800 more" in error.problems[-1].detail
