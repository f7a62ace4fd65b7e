"""Loading JSON and YAML: plain, finite, unambiguous data, or a refusal by path."""

import pytest

from ablations.errors import InvalidStudy, NotJson, NotYaml
from ablations.study.documents import loads_json, loads_yaml


def refused(load: object, text: str | bytes) -> list[str]:
    with pytest.raises(InvalidStudy) as error:
        load(text)  # type: ignore[operator]
    return [problem.path for problem in error.value.problems]


def test_json_of_every_kind() -> None:
    text = '{"a": [1, 2.5, true, null, "x"], "b": {"c": -0.5e-3}}'
    assert loads_json(text) == {"a": [1, 2.5, True, None, "x"], "b": {"c": -0.0005}}
    assert loads_json(text.encode()) == loads_json(text)


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 500])
def test_json_numbers_that_are_none(token: str) -> None:
    assert refused(loads_json, '{"fixed": {"lr": ' + token + "}}") == ["fixed.lr"]


def test_everything_wrong_is_told_at_once() -> None:
    text = '{"fixed": {"lr": NaN, "x": [1, 1e999]}, "a": 1, "a": "\\ud800", "b": "\\u0000"}'
    assert refused(loads_json, text) == ["fixed.lr", "fixed.x.1", "a", "a", "b"]


@pytest.mark.parametrize(
    "text", ["", "{", "{a: 1}", "[1,]", "nan", b"\xff\xfe", b"\xef\xbb\xbf{}", '{"a": 1} x']
)
def test_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(NotJson):
        loads_json(text)


@pytest.mark.parametrize("load", [loads_json, loads_yaml])
def test_depth_is_limited(load: object) -> None:
    assert loads_json("[" * 50 + "]" * 50) is not None
    assert refused(load, "[" * 52 + "]" * 52)
    with pytest.raises((InvalidStudy, NotYaml)):
        load("[" * 100_000)  # type: ignore[operator]


def test_yaml_is_version_1_2() -> None:
    text = "a: 1e-3\nb: off\nc: yes\nd: 0o17\ne: 2020-01-01\nf: ~\ng: True\nh: -.5\ni: 0x1F\nj: 1_000\n"
    assert loads_yaml(text) == {
        "a": 0.001,
        "b": "off",
        "c": "yes",
        "d": 15,
        "e": "2020-01-01",
        "f": None,
        "g": True,
        "h": -0.5,
        "i": 31,
        "j": 1000,
    }


def test_yaml_keys_are_strings() -> None:
    assert loads_yaml("10: a\n0.5: b\ntrue: c\nnull: d\nx: e\n1.0: f") == {
        "10": "a",
        "0.5": "b",
        "true": "c",
        "null": "d",
        "x": "e",
        "1.0": "f",
    }


def test_yaml_anchors_are_copied() -> None:
    assert loads_yaml("a: &x [1]\nb: *x\n") == {"a": [1], "b": [1]}
    bomb = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    assert refused(loads_yaml, bomb)


@pytest.mark.parametrize(
    "text, path",
    [
        ("a: 1\na: 2", "a"),
        ("a: {b: .nan}", "a.b"),
        ("a: [1, -.inf]", "a.1"),
        ("a: 1e999", "a"),
        ("a: !!python/name:os.system ''", "a"),
        ("a: !!binary aGk=", "a"),
        ("a: !!set {b}", "a"),
        ('a: "\\0"', "a"),
    ],
)
def test_yaml_that_is_no_plain_data(text: str, path: str) -> None:
    assert refused(loads_yaml, text) == [path]


@pytest.mark.parametrize("text", ["a: [1,", "a: b: c", "--- 1\n--- 2\n", b"\xff\xfe\xfd", "\x07", "*nowhere"])
def test_what_is_no_yaml(text: str | bytes) -> None:
    with pytest.raises(NotYaml):
        loads_yaml(text)


def test_nothing_is_null() -> None:
    assert loads_yaml("") is None
