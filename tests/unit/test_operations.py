"""docs/operations.md names what there is: every variable, every metric, every secret and its holders."""

import re
from pathlib import Path

from fastapi.testclient import TestClient
from ruamel.yaml import YAML
from typer.main import get_command

from service.app import create_app
from service.cli import app as cli
from service.ledger import migrate
from service.settings import Settings
from tests.unit.test_compose import SECRETS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "operations.md").read_text()
VARIABLES_TOLD, _, SECRETS_TOLD = GUIDE.partition("## Who holds")


def test_every_variable_of_a_service_s_process_is_there() -> None:
    read = set(re.findall(r'"(ABLATE_[A-Z_]+)"', (ROOT / "service" / "settings.py").read_text()))
    told = set(re.findall(r"ABLATE_[A-Z_]+", VARIABLES_TOLD))
    assert told == read


def test_every_metric_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    client = TestClient(create_app(Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path)})))
    client.get("http://127.0.0.1:8000/healthz")
    text = client.get("http://127.0.0.1:8000/metrics").text
    found = re.findall(r"^# TYPE (ablate_\w+) \w+$", text, re.MULTILINE)
    known = {name for name in found if not name.endswith("_created")}
    told = set(re.findall(r"`(ablate_\w+)`", GUIDE))
    assert told == known


def test_every_secret_is_there_and_held_by_whom_the_compose_file_says() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| [^|]+ \|$", SECRETS_TOLD, re.MULTILINE))
    assert set(rows) == {*SECRETS, "RAY_AUTH_TOKEN"}
    words = {"api": "API", "internal": "`internal`", "worker": "worker", "migrate": "migration"}
    for secret in ("ABLATE_DB_PASSWORD", "ABLATE_SECRET", "ABLATE_API_KEYS"):
        holders = SECRETS[secret] - {"databases"}
        assert {name for name, word in words.items() if word in rows[secret]} == holders, secret
    services = YAML(typ="safe", pure=True).load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    holders = {name for name, service in services.items() if "ray_token" in service.get("secrets", ())}
    assert holders == {"api", "worker", "ray-head", "ray-worker", "ray-worker-gpu"}


def test_every_command_is_one() -> None:
    known = get_command(cli).commands  # type: ignore[attr-defined]
    told = re.findall(r"\bablate ([a-z]+)\b(?: (--[a-z]+))?", GUIDE)
    for name, option in told:
        if name in ("up", "serve") or name in known:
            options = {word for each in known[name].params for word in each.opts}
            assert not option or option in options, (name, option)
        else:
            raise AssertionError(f"ablate {name} is no command")
