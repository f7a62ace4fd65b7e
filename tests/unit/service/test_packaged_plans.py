"""Plans of packaged trainables: wrong combinations are refused with their path; sizes are told."""

from typing import Any

import pytest
from starlette.testclient import TestClient

IMAGES, WORDS = "image-classifier", "language-model"
VIT = "torchvision/vit_b_16"


@pytest.mark.parametrize(
    ("study", "path", "said"),
    [
        (
            {"trainable": IMAGES, "fixed": {"model": "resnet20", "depth": 5}},
            "fixed.depth",
            "no setting 'depth'",
        ),
        (
            {"trainable": IMAGES, "factors": {"depth": [1, 5]}, "fixed": {"model": "vit"}},
            "factors.depth",
            "no setting 'depth'",
        ),
        (
            {"trainable": IMAGES, "fixed": {"model": VIT, "scalars": "per_channel"}},
            "factors",
            "known channel axis",
        ),
        ({"trainable": WORDS, "fixed": {"dataset": "cifar10"}}, "fixed.dataset", "no value of dataset"),
        ({"trainable": WORDS, "factors": {"dataset": ["mnist", "speeches"]}}, "factors.dataset.0", "'mnist'"),
        ({"trainable": IMAGES, "fixed": {"dataset": "speeches"}}, "fixed.dataset", "no value of dataset"),
        ({"trainable": WORDS, "fixed": {"fgsm": True}}, "fixed.fgsm", "no setting 'fgsm'"),
        (
            {"trainable": WORDS, "factors": {"match": ["none", "width"]}},
            "factors.match.1",
            "no value of match",
        ),
        (
            {"trainable": WORDS, "fixed": {"glu": "plain_tanh"}},
            "fixed.glu",
            "no value of glu",
        ),
        (
            {"trainable": WORDS, "fixed": {"weight_init": "zeros"}},
            "fixed.weight_init",
            "no value of weight_init",
        ),
        (
            {"trainable": WORDS, "fixed": {"glu": "bilinear", "linearity": True}},
            "factors",
            "no activation whose linearity",
        ),
        (
            {"trainable": IMAGES, "fixed": {"fgsm": True, "fgsm_epsilon": 1.5}},
            "fixed.fgsm_epsilon",
            "1.5 is no value",
        ),
        (
            {"trainable": IMAGES, "factors": {"fgsm_epsilon": [0.08, -0.1]}, "fixed": {"fgsm": True}},
            "factors.fgsm_epsilon.1",
            "-0.1 is no value",
        ),
        (
            {"trainable": IMAGES, "fixed": {"fgsm": True, "fgsm_epsilons": [0.02, 1.5]}},
            "fixed.fgsm_epsilons.1",
            "1.5 is no value",
        ),
        (
            {
                "trainable": IMAGES,
                "factors": {"base": ["relu", "mish"]},
                "fixed": {"fgsm": True, "fgsm_epsilons": [0.02]},
                "metrics": [{"name": "fgsm_drop.0.03"}],
            },
            "metrics.0.name",
            "does not measure 'fgsm_drop.0.03'",
        ),
        (
            {"trainable": "mlp-classifier", "factors": {"depth": [0, 5]}},
            "factors.depth.0",
            "0 is no value of depth",
        ),
    ],
)
def test_a_wrong_combination_is_refused_with_its_path(
    packaged: TestClient, study: dict[str, Any], path: str, said: str
) -> None:
    answer = packaged.post("/v1/studies/plan", json={"name": "wrong", "seeds": 2, **study})
    assert answer.status_code == 422
    (error,) = [error for error in answer.json()["errors"] if error["path"] == path]
    assert said in error["detail"]


def test_matched_feed_forwards_are_of_one_size_in_the_plan(packaged: TestClient) -> None:
    study = {
        "trainable": WORDS,
        "name": "matched",
        "seeds": 2,
        "factors": {"glu": ["swiglu", "plain_gelu"], "match": ["none", "parameters"]},
    }
    answer = packaged.post("/v1/studies/plan", json=study)
    assert answer.status_code == 200, answer.text
    sizes = {(a["levels"]["glu"], a["levels"]["match"]): a["size"] for a in answer.json()["arms"]}
    assert [size["hidden"] for size in sizes.values()] == [256, 256, 256, 384]
    assert (
        sizes["swiglu", "parameters"]["num_parameters"] == sizes["plain_gelu", "parameters"]["num_parameters"]
    )
    assert sizes["swiglu", "none"]["num_parameters"] > sizes["plain_gelu", "none"]["num_parameters"]


def test_several_epsilons_of_one_trial_are_metrics_of_a_study(packaged: TestClient) -> None:
    study = {
        "trainable": IMAGES,
        "name": "strengths",
        "seeds": 2,
        "factors": {"base": ["relu", "mish"]},
        "fixed": {"fgsm": True, "fgsm_epsilons": [0.02, 0.08]},
        "metrics": [{"name": "fgsm_drop.0.02"}, {"name": "fgsm_accuracy.0.08"}],
    }
    answer = packaged.post("/v1/studies/plan", json=study)
    assert answer.status_code == 200, answer.text


def test_channels_that_are_not_known_leave_out_their_arm_and_say_why(packaged: TestClient) -> None:
    study = {
        "name": "channels",
        "trainable": IMAGES,
        "factors": {"scalars": ["none", "per_layer", "per_channel"], "model": [VIT, "resnet20"]},
        "baseline": {"scalars": "none"},
        "seeds": 2,
    }
    plan = packaged.post("/v1/studies/plan", json=study).json()
    (left_out,) = plan["excluded"]
    assert left_out["levels"] == {"scalars": "per_channel", "model": VIT}
    assert "channel axis" in left_out["reason"] and plan["num_arms"] == 5


def test_a_setting_that_no_arm_uses_is_pointed_out(packaged: TestClient) -> None:
    study = {"name": "unused", "trainable": IMAGES, "fixed": {"model": "resnet20", "blocks": 3}, "seeds": 2}
    plan = packaged.post("/v1/studies/plan", json=study).json()
    assert "fixed.blocks applies to no arm" in plan["warnings"]


def test_a_plan_says_how_large_its_arms_are(packaged: TestClient) -> None:
    study = {
        "name": "glu",
        "trainable": WORDS,
        "factors": {"glu": ["swiglu", "dynactglu"]},
        "fixed": {"width": 96, "blocks": 4},
        "seeds": 2,
    }
    sizes = [arm["size"] for arm in packaged.post("/v1/studies/plan", json=study).json()["arms"]]
    assert [size["hidden"] for size in sizes] == [256, 256]
    assert sizes[1]["num_parameters"] - sizes[0]["num_parameters"] == 2 * 4
