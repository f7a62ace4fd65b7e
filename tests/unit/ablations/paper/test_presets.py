"""Presets: every one at every scale is a study, and reads back from the YAML that users get."""

import pytest

from ablations.paper import presets
from ablations.study.documents import loads_yaml
from ablations.study.parsing import parse_study

ALL = [(name, scale) for name in presets.names() for scale in presets.scales(name)]


@pytest.mark.parametrize(("name", "scale"), ALL)
def test_the_yaml_of_a_preset_is_its_study(name: str, scale: str) -> None:
    text = presets.text(name, scale)
    assert text.startswith("# ")
    study = parse_study(loads_yaml(text))
    assert study == parse_study(dict(presets.preset(name, scale).study))
    assert (study.tags["preset"], study.tags["scale"]) == (name, scale)


def test_each_preset_starts_with_its_smallest_scale() -> None:
    assert ALL
    for name in presets.names():
        assert presets.preset(name, presets.scales(name)[0]).scale == presets.scales(name)[0]


def test_what_is_no_preset() -> None:
    with pytest.raises(KeyError, match="nothing"):
        presets.scales("nothing")
    with pytest.raises(KeyError):
        presets.preset(presets.names()[0], "galactic")
