"""Manifests: values as their settings' own types, conditions, schemas."""

import jsonschema
import pytest

from ablations.errors import InvalidStudy, UnknownFactor
from ablations.manifest import Manifest, Metric, Setting, coerce
from tests.unit.ablations.manifests import MLP

INT = Setting(name="depth", kind="int", default=1, low=1, high=10)
FLOAT = Setting(name="lr", kind="float", default=0.1, low=0, open_low=True)
BOOL = Setting(name="flag", kind="bool", default=False)
STR = Setting(name="base", kind="str", default="relu", choices=("relu", "mish"))
MAYBE = Setting(name="clip", kind="float", default=None, low=0)
FLOATS = Setting(name="steps", kind="floats", default=[0.5], low=0)


@pytest.mark.parametrize(
    "setting, value, want",
    [
        (INT, 3, 3),
        (INT, 3.0, 3),
        (FLOAT, 1, 1.0),
        (BOOL, True, True),
        (STR, "mish", "mish"),
        (MAYBE, None, None),
        (MAYBE, 0, 0.0),
        (FLOATS, [1, 0.5], [1.0, 0.5]),
    ],
)
def test_a_value_gets_its_own_type(setting: Setting, value: object, want: object) -> None:
    got = coerce(setting, value, "x")
    assert got == want and type(got) is type(want)


def test_minus_zero_is_zero() -> None:
    assert str(coerce(Setting(name="x", kind="float", default=0.0), -0.0, "x")) == "0.0"


@pytest.mark.parametrize(
    "setting, value",
    [
        (INT, 0),
        (INT, 11),
        (INT, 1.5),
        (INT, True),
        (INT, "3"),
        (INT, None),
        (INT, 10**400),
        (FLOAT, 0),
        (FLOAT, float("nan")),
        (FLOAT, float("inf")),
        (FLOAT, 10**400),
        (BOOL, 1),
        (STR, "rulu"),
        (STR, 3),
        (MAYBE, -1),
        (FLOATS, []),
        (FLOATS, 3),
    ],
)
def test_a_value_that_is_none_is_refused_by_path(setting: Setting, value: object) -> None:
    with pytest.raises(InvalidStudy) as error:
        coerce(setting, value, "fixed.it")
    (problem,) = error.value.problems
    assert problem.path == "fixed.it" and problem.allowed == setting.allowed


def test_an_item_of_a_list_has_its_own_path() -> None:
    with pytest.raises(InvalidStudy) as error:
        coerce(FLOATS, [1, "a"], "fixed.steps")
    assert error.value.problems[0].path == "fixed.steps.1"


def test_a_long_value_is_shown_in_part() -> None:
    with pytest.raises(InvalidStudy) as error:
        coerce(STR, "x" * 1000, "p")
    assert len(error.value.problems[0].detail) < 120


def test_the_schema_accepts_the_defaults_and_refuses_the_rest() -> None:
    schema = MLP.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({setting.name: setting.default for setting in MLP.settings}, schema)
    for wrong in ({"depth": 0}, {"lr": 0}, {"base": "rulu"}, {"flavour": 1}, {"dropout": 1.5}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
    assert schema["properties"]["beta_init"]["x-when"] == {"scalars": ["shared", "per_layer", "per_channel"]}
    assert schema["properties"]["dropout"]["x-off"] == 0.0


def test_settings_come_behind_those_their_conditions_read() -> None:
    names = [setting.name for setting in MLP.in_order()]
    assert sorted(names) == sorted(setting.name for setting in MLP.settings)
    assert names.index("scalars") < names.index("beta_init")
    backwards = Manifest(
        name="m",
        settings=(
            Setting(name="a", kind="int", default=1, when={"b": (1,)}),
            Setting(name="b", kind="int", default=1),
        ),
    )
    assert [setting.name for setting in backwards.in_order()] == ["b", "a"]


@pytest.mark.parametrize(
    "settings, message",
    [
        ([INT, INT], "declared twice"),
        ([Setting(name="seed", kind="int", default=0)], "reserved"),
        ([Setting(name="a", kind="int", default=0, when={"b": (1,)})], "unknown"),
        (
            [
                Setting(name="a", kind="int", default=0, when={"b": (1,)}),
                Setting(name="b", kind="int", default=0, when={"a": (1,)}),
            ],
            "depends on itself",
        ),
    ],
)
def test_a_manifest_that_contradicts_itself(settings: list[Setting], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Manifest(name="m", settings=tuple(settings))


def test_looking_up_by_name() -> None:
    assert MLP.setting("depth").low == 1 and MLP.has("depth") and not MLP.has("flavour")
    assert MLP.metric("train_loss").goal == "minimize"
    with pytest.raises(UnknownFactor):
        MLP.setting("flavour")
    with pytest.raises(InvalidStudy):
        MLP.metric("flavour")


def test_metrics_know_what_they_read() -> None:
    assert MLP.metric("test_accuracy").reads_test and MLP.metric("val_accuracy").reads_validation
    unsaid = Metric(name="test_loss", goal="minimize", worst=9.0)
    assert unsaid.reads_test and not unsaid.reads_validation
    assert unsaid.to_json()["worst"] == 9.0


def test_the_schema_says_what_a_setting_is_for() -> None:
    setting = Setting(name="lr", kind="float", default=0.1, low=0, help="the step size")
    assert setting.json_schema()["description"] == "the step size"
