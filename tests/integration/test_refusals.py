"""Bad input: the right status, the path of the field, what is allowed; nothing stored, never a 500."""

from typing import Any

import pytest

from tests.integration.studies import SMALL
from tests.integration.system import System

pytestmark = pytest.mark.integration

FACTORS = SMALL["factors"]
FIXED = SMALL["fixed"]

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"colour": 1}, "colour"),
    "unknown factor": ({"factors": {**FACTORS, "flavour": [1, 2]}}, "factors.flavour"),
    "unknown level": ({"factors": {**FACTORS, "base": ["relu", "rulu"]}}, "factors.base.1"),
    "unknown trainable": ({"trainable": "nothing"}, "trainable"),
    "unknown dataset": ({"fixed": {**FIXED, "dataset": "nothing"}}, "fixed.dataset"),
    "unknown setting": ({"fixed": {**FIXED, "flavour": 1}}, "fixed.flavour"),
    "depth 0": ({"factors": {**FACTORS, "depth": [0, 3]}}, "factors.depth.0"),
    "depth -1": ({"factors": {**FACTORS, "depth": [1, -1]}}, "factors.depth.1"),
    "empty levels": ({"factors": {**FACTORS, "depth": []}}, "factors.depth"),
    "baseline not a level": ({"baseline": {"scalars": "shared"}}, "baseline.scalars"),
    "contrast that does not vary": (
        {"analysis": {"contrasts": {"c": {"vary": "width"}}, "primary": "c"}},
        "analysis.contrasts.c.vary",
    ),
    "no seeds": ({"seeds": 0}, "seeds"),
    "doubled seeds": ({"seeds": [1, 1]}, "seeds"),
    "long name": ({"name": "n" * 300}, "name"),
    "huge product": (
        {"factors": {name: list(range(1, 1001)) for name in ("width", "epochs", "batch_size", "depth")}},
        "factors",
    ),
}


@pytest.mark.parametrize("change, path", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("route", ["/v1/studies", "/v1/studies/plan"])
def test_refused_with_its_path(system: System, change: dict[str, Any], path: str, route: str) -> None:
    answer = system.client.post(route, json={**SMALL, "name": "refused", **change})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    paths = [error["path"] for error in answer.json()["errors"]]
    assert any(p == path or p.startswith(path + ".") for p in paths), paths


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none(system: System, token: str) -> None:
    body = '{"name": "n", "trainable": "mlp-classifier", "fixed": {"lr": ' + token + "}}"
    answer = system.client.post("/v1/studies", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert any(error["path"].startswith("fixed.lr") for error in answer.json()["errors"]), answer.text


def test_not_json_is_400(system: System) -> None:
    answer = system.client.post(
        "/v1/studies", content="{not json", headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_unknown_study_is_404(system: System) -> None:
    for path in ("", "/trials", "/effects", "/report", "/logs"):
        answer = system.client.get(f"/v1/studies/0123456789abcdef{path}")
        assert answer.status_code == 404, path
        assert answer.headers["content-type"].startswith("application/problem+json")


def test_nothing_refused_was_stored(system: System) -> None:
    names = [s["name"] for s in system.client.get("/v1/studies", params={"limit": 500}).json()["items"]]
    assert "refused" not in names
