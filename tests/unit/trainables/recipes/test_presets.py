"""Every preset at every scale is a study that compiles, of the size that counting by hand gives."""

import pytest

from ablations.design.design import num_trials, planned_trials
from ablations.paper import presets
from ablations.plan.compile import compile_design
from ablations.plan.plan import make_plan
from ablations.study.documents import loads_yaml
from ablations.study.parsing import parse_study
from trainables.catalogue import load_catalogue

CATALOGUE = load_catalogue()
# Arms counted by hand, factor by factor, and seeds. (1 + 2 x 2): one static arm, two kinds of scalars
# with two initial betas each.
SIZES = {
    ("demo", "smoke"): (3 * 3 * 3, 8),
    ("mnist-depth", "smoke"): (2 * 3 * 2 * (1 + 2 * 2), 3),
    ("mnist-depth", "laptop"): (2 * 6 * 2 * 3, 6),
    ("mnist-depth", "paper"): (4 * 11 * 3 * (1 + 2 * 2), 10),
    ("cifar10-activations", "smoke"): (2 * 2 * 3, 3),
    ("cifar10-activations", "laptop"): (2 * 2 * 3, 3),
    ("cifar10-activations", "paper"): (2 * 4 * 5, 10),
    ("cifar10-resnet20", "smoke"): (2, 3),
    ("cifar10-resnet20", "laptop"): (2, 3),
    ("cifar10-resnet20", "paper"): (2, 5),
    ("fgsm", "smoke"): (2 * 2, 6),
    ("fgsm", "laptop"): (2 * 2, 6),
    ("fgsm", "paper"): (2 * 4 * 3, 10),
    ("convergence", "smoke"): (2 * 2, 5),
    ("convergence", "laptop"): (2 * 2, 5),
    ("convergence", "paper"): (2 * 4 * 3, 10),
    ("init-grid", "smoke"): (2 * 2 * (1 + 3 * 3), 3),
    ("init-grid", "laptop"): (2 * 2 * (1 + 3 * 4), 5),
    ("init-grid", "paper"): (3 * 4 * (1 + 5 * 7), 10),
    ("shared-vs-per-layer", "smoke"): (4 * 2 * 3, 5),
    ("shared-vs-per-layer", "laptop"): (4 * 2 * 3, 8),
    ("shared-vs-per-layer", "paper"): (4 * 4 * 6, 10),
    ("lm-glu", "smoke"): (2 * 2, 3),
    ("lm-glu", "laptop"): (2 * 2, 3),
    ("lm-glu", "paper"): (5 * 2, 10),
    ("linearisation", "smoke"): (2 * 2 * 3, 5),
    ("linearisation", "laptop"): (2 * 2 * 3, 8),
    ("linearisation", "paper"): (2 * 4 * 7, 10),
}


def all_presets() -> list[tuple[str, str]]:
    return [(name, scale) for name in presets.names() for scale in presets.scales(name)]


def test_sizes_are_counted_for_every_preset() -> None:
    assert sorted(SIZES) == sorted(all_presets())


@pytest.mark.parametrize(("name", "scale"), all_presets())
def test_a_preset_is_a_whole_study_of_the_size_counted_by_hand(name: str, scale: str) -> None:
    study = parse_study(loads_yaml(presets.text(name, scale)))
    num_arms, num_seeds = SIZES[name, scale]
    design = compile_design(study, CATALOGUE.manifest(study.trainable))
    assert (len(design.arms), len(design.seeds)) == (num_arms, num_seeds)
    assert num_trials(design) == len(planned_trials(design)) == num_arms * num_seeds
    assert study.tags["preset"] == name and study.tags["scale"] == scale


@pytest.mark.parametrize(("name", "scale"), all_presets())
def test_a_preset_has_a_plan_in_which_its_question_can_be_answered(name: str, scale: str) -> None:
    study = parse_study(loads_yaml(presets.text(name, scale)))
    plan = make_plan(study, CATALOGUE.manifest(study.trainable)).to_json()
    assert plan["cost"]
    assert all(contrast["rows"] for contrast in plan["contrasts"])
    assert sum(contrast["primary"] for contrast in plan["contrasts"]) == 1
    assert not [warning for warning in plan["warnings"] if "no effect could ever" in warning]


def test_a_preset_reads_back_as_the_study_it_is_made_of() -> None:
    chosen = presets.preset("mnist-depth", "laptop")
    assert loads_yaml(chosen.yaml) == dict(chosen.study)
    assert chosen.yaml.startswith("# Does dynActivation")


def test_a_scale_lays_its_settings_over_what_all_scales_share() -> None:
    smoke = parse_study(dict(presets.preset("mnist-depth", "smoke").study))
    laptop = parse_study(dict(presets.preset("mnist-depth", "laptop").study))
    assert smoke.fixed["width"] == laptop.fixed["width"] == 32
    assert (smoke.fixed["dataset"], laptop.fixed["dataset"]) == ("digits-5k", "mnist")
    assert smoke.factors["base"] == laptop.factors["base"] == ["relu", "mish"]


def test_unknown_names_and_scales_are_told_apart() -> None:
    with pytest.raises(KeyError, match="nothing"):
        presets.preset("nothing")
    with pytest.raises(KeyError, match="paper"):
        presets.preset("demo", "paper")
