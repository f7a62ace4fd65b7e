"""The notebook of the Python client runs as it stands, and shows what REST says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.system import System

pytestmark = pytest.mark.integration
NOTEBOOK = Path(__file__).parents[2] / "docs" / "client.ipynb"


def cells() -> list[str]:
    """The code of each cell."""
    found = json.loads(NOTEBOOK.read_text())["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def test_the_notebook_runs_from_top_to_bottom(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLATE_URL", system.ready["api"])
    names: dict[str, Any] = {}
    for number, code in enumerate(cells(), 1):
        exec(compile(code, f"cell {number}", "exec"), names)
    client, done, more = names["client"], names["done"], names["more"]
    client.close()
    shown = system.client.get(f"/v1/studies/{done.id}").json()
    assert done.state == shown["state"] == "done" and done.verdict == shown["verdict"]
    effects = system.client.get(f"/v1/studies/{done.id}/effects").json()
    rows = [row for contrast in effects["contrasts"] for row in contrast["rows"]]
    assert [row["p_adjusted"] for row in names["effects"]] == [row["p_adjusted"] for row in rows]
    assert rows[0]["of"] in names["effects"]._repr_html_()
    assert len(names["trials"]) == 16 and names["trials"]["metric.test_accuracy"].notna().all()
    assert set(names["curves"]["step"]) == {0, 1, 2, 3}
    assert more.now.progress.reused == 16 and more.now.progress.total == 24


def test_the_lines_of_the_readme_run(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (NOTEBOOK.parents[1] / "README.md").read_text()
    (study,) = (
        block for block in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL) if "trainable:" in block
    )
    (lines,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "study.yaml").write_text(study)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABLATE_URL", system.ready["api"])
    names: dict[str, Any] = {}
    exec(lines, names)
    assert names["done"].state == "done" and names["done"].verdict in capsys.readouterr().out
    names["done"].client.close()
