"""A package outside the tree adds parts and a trainable; installed, they are usable at once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.example import install_example

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]

SCRIPT = """
import json, sys
from pathlib import Path
from trainables.catalogue import load_catalogue
catalogue = load_catalogue()
light = "torch" not in sys.modules
manifest = catalogue.manifest("mlp-classifier")
from tests.unit.trainables.sources import lease, train
from trainables.training.lease import Lease
here = Path(sys.argv[1])
small = {"epochs": 1, "dataset": "stripes", "batch_size": 20, "width": 8}
plain = lease("plain", base="relu", **small)
wavy = lease("wavy", base="wavy", scalars="per_layer", weight_size=True, weight_power=2.0, **small)
packed = train([plain, wavy], here, pack=2).outcomes
own = [Lease(trial_id=str(lr), settings={"lr": lr, "steps": 50}, seed=1) for lr in (0.1, 1e9)]
users = train(own, here, trainable="parabola").outcomes
print(json.dumps({
    "light": light,
    "bases": manifest.setting("base").choices,
    "datasets": manifest.setting("dataset").choices,
    "metrics": [metric.name for metric in manifest.metrics],
    "broken": [broken.to_json() for broken in catalogue.broken],
    "digests": {name: catalogue.code_digests("mlp-classifier", {"base": name}) for name in ("relu", "wavy")},
    "own_digest": catalogue.code_digests("parabola", {}),
    "outcomes": {name: outcome.to_json() for name, outcome in {**packed, **users}.items()},
}))
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, installed by pip into a directory of its own."""
    return install_example(tmp_path_factory.mktemp("plugin"))


def look(target: Path, datasets_dir: Path) -> dict[str, Any]:
    """What a process started after the installation sees and does."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(target)])}
    command = [sys.executable, "-c", SCRIPT, str(datasets_dir)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def seen(target: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The example package as it was installed."""
    return look(target, tmp_path_factory.mktemp("datasets"))


def test_its_parts_are_choices_of_packaged_trainables(seen: dict[str, Any]) -> None:
    assert seen["light"], "manifests must not import torch"
    assert "wavy" in seen["bases"] and "stripes" in seen["datasets"] and "mean_weight" in seen["metrics"]


def test_they_train_in_a_pack_with_ours(seen: dict[str, Any]) -> None:
    plain, wavy = seen["outcomes"]["plain"], seen["outcomes"]["wavy"]
    assert plain["state"] == wavy["state"] == "done", (plain, wavy)
    assert plain["pack"] == wavy["pack"] == 2
    assert plain["metrics"]["test_accuracy"] > 0.9 and wavy["metrics"]["test_accuracy"] > 0.9
    assert wavy["metrics"]["mean_weight"] > 0 and "mean_weight" not in plain["metrics"]


def test_its_trainable_runs_and_diverges_as_an_outcome(seen: dict[str, Any]) -> None:
    good, bad = seen["outcomes"]["0.1"], seen["outcomes"]["1000000000.0"]
    assert good["state"] == "done" and good["metrics"]["height"] < 1e-3
    assert len(good["curve"]["height"]) == 50
    assert bad["state"] == "diverged" and "height is" in bad["reason"]


def test_what_does_not_load_is_reported(seen: dict[str, Any]) -> None:
    (broken,) = seen["broken"]
    assert broken["name"] == "broken" and "NOT_THERE" in broken["reason"]


def test_the_command_line_names_it_too(target: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(target)])}
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", "trainables"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "parabola" in done.stdout and "not loaded broken (ablations.trainables): " in done.stdout


def test_a_changed_line_changes_the_digests_of_its_arms_only(
    seen: dict[str, Any], target: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "site"
    shutil.copytree(target, changed)
    code = changed / "ablate_example" / "code.py"
    code.write_text(code.read_text().replace("0.5 * torch.sin", "0.4 * torch.sin"))
    after = look(changed, tmp_path / "datasets")
    assert after["digests"]["relu"] == seen["digests"]["relu"]
    assert after["digests"]["wavy"] != seen["digests"]["wavy"]
    assert after["digests"]["wavy"]["trainable"] == seen["digests"]["wavy"]["trainable"]
    assert after["own_digest"] != seen["own_digest"]
