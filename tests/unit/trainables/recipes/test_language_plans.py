"""What a language model cannot be is told by the plan."""

import pytest

from ablations.errors import InvalidStudy
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from trainables.catalogue import load_catalogue

STUDY = {
    "name": "heads",
    "trainable": "language-model",
    "factors": {"glu": ["swiglu", "plain_gelu"]},
    "seeds": 2,
}


def test_a_width_that_does_not_split_into_heads_is_left_out_with_its_reason() -> None:
    study = {**STUDY, "factors": {"glu": ["swiglu", "plain_gelu"], "width": [64, 100]}, "fixed": {"heads": 4}}
    design = compile_design(parse_study(study), load_catalogue().manifest("language-model"))
    assert [arm.levels["width"] for arm in design.arms] == [64, 64]
    assert {excluded.reason for excluded in design.excluded} == {
        "language-model: width 100 is not a multiple of 2 x heads = 8"
    }


def test_a_study_of_such_a_width_alone_is_refused() -> None:
    study = {**STUDY, "fixed": {"heads": 4, "width": 100}}
    with pytest.raises(InvalidStudy) as caught:
        compile_design(parse_study(study), load_catalogue().manifest("language-model"))
    assert "width 100 is not a multiple of 2 x heads = 8" in str(caught.value)
