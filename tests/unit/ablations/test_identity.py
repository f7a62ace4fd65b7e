"""Identity: the same text for the same value, everywhere and always."""

import pytest

from ablations.identity import arm_id, canonical, digest, fingerprint

FACTS = {
    "settings": {"lr": 1e-3, "depth": 5},
    "seed": 0,
    "code": {"mlp": "abc"},
    "torch": "2.9",
    "numerics": "fp32",
    "threads": 1,
    "hardware": "cpu",
    "data": "d0",
}


def test_equal_values_have_one_text() -> None:
    assert canonical({"b": 1.0, "a": [-0.0, "é"]}) == canonical({"a": [0, "é"], "b": 1})
    assert canonical(1e300) == "1e+300" and canonical(2.0**53) == "9007199254740992.0"
    assert canonical(True) != canonical(1) and canonical("1") != canonical(1) and canonical(None) == "null"


def test_what_is_no_number_has_no_text() -> None:
    with pytest.raises(ValueError):
        canonical(float("nan"))


def test_ids_never_change() -> None:
    # Stored in ledgers: a change of these is a change of every stored id.
    assert arm_id({"scalars": "none", "depth": 1}) == "5d479e6e2412"
    assert arm_id({"depth": 1.0, "scalars": "none"}) == "5d479e6e2412"
    assert arm_id({}) == "44136fa355b3"
    assert digest([1, "a"]) == "2010945388e2de98f5651051478912aa4ff38bb13a2cdb1a2c257bb97fbf98ff"


@pytest.mark.parametrize("name", list(FACTS))
def test_everything_that_matters_is_in_the_fingerprint(name: str) -> None:
    other = {"settings": {"lr": 1e-2}, "seed": 1, "code": {"mlp": "abd"}, "threads": 2}.get(name, "other")
    assert fingerprint(**FACTS) != fingerprint(**{**FACTS, name: other})


def test_how_settings_are_written_is_not() -> None:
    rewritten = {**FACTS, "settings": {"depth": 5.0, "lr": 0.001}}
    assert fingerprint(**FACTS) == fingerprint(**rewritten)
