"""Settings from ABLATE_* variables."""

import stat
from pathlib import Path

import pytest

from service.auth import check_secret
from service.errors import BadSettings
from service.settings import Settings, load_secret, parse_keys

DIGEST = "ab" * 32


def test_defaults_live_under_the_data_directory(tmp_path: Path) -> None:
    settings = Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path / "new")})
    assert settings.database_url == f"sqlite:///{tmp_path / 'new' / 'ledger.db'}"
    assert settings.datasets_dir == tmp_path / "new" / "datasets"
    assert (settings.host, settings.port, settings.lease_s) == ("127.0.0.1", 8000, 30.0)
    assert settings.internal_url == "http://127.0.0.1:8000" and settings.api_keys == {}


def test_every_variable_is_read(tmp_path: Path) -> None:
    settings = Settings.from_env(
        {
            "ABLATE_DATA_DIR": str(tmp_path),
            "ABLATE_DATABASE_URL": "postgresql://db/x",
            "ABLATE_RAY_DASHBOARD_URL": "http://ray:8265/",
            "ABLATE_RAY_TOKEN_PATH": "/t",
            "ABLATE_MLFLOW_URL": "http://mlflow:5000",
            "ABLATE_MLFLOW_PUBLIC_URL": "https://mlflow.example",
            "ABLATE_PUBLIC_URL": "https://ablate.example/",
            "ABLATE_INTERNAL_URL": "http://api:8000",
            "ABLATE_SECRET": "shared" * 8,
            "ABLATE_API_KEYS": f"team={DIGEST}",
            "ABLATE_HOST": "0.0.0.0",
            "ABLATE_PORT": "9000",
            "ABLATE_LEASE_S": "5.5",
            "ABLATE_QUANTUM_S": "20",
            "ABLATE_STORAGE": "file:///shared",
        }
    )
    assert settings == Settings(
        data_dir=tmp_path,
        database_url="postgresql://db/x",
        ray_dashboard_url="http://ray:8265",
        ray_token_path=Path("/t"),
        mlflow_url="http://mlflow:5000",
        mlflow_public_url="https://mlflow.example",
        public_url="https://ablate.example",
        internal_url="http://api:8000",
        secret="shared" * 8,
        api_keys={DIGEST: "team"},
        host="0.0.0.0",
        port=9000,
        lease_s=5.5,
        quantum_s=20.0,
        storage="file:///shared",
    )


def test_secrets_and_keys_do_not_show_in_a_repr(tmp_path: Path) -> None:
    shown = repr(
        Settings.from_env(
            {"ABLATE_DATA_DIR": str(tmp_path), "ABLATE_SECRET": "hush" * 8, "ABLATE_API_KEYS": DIGEST}
        )
    )
    assert "hush" not in shown and DIGEST not in shown


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    secret = load_secret(tmp_path)
    assert load_secret(tmp_path) == secret and len(secret) == 64
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_keys_name_their_project_or_the_default() -> None:
    other = "CD" * 32
    assert parse_keys(f" {DIGEST}, team-1={other} ,") == {DIGEST: "default", other.lower(): "team-1"}
    assert parse_keys("") == {}


@pytest.mark.parametrize(
    "text", ["plain-key", DIGEST[:-1], f"a b={DIGEST}", f"={DIGEST}", f"{DIGEST};{DIGEST}"]
)
def test_a_key_that_is_no_digest_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadSettings) as error:
        parse_keys(text)
    assert "plain-key" not in str(error.value)


@pytest.mark.parametrize(
    "name, value",
    [
        ("ABLATE_PORT", "eighty"),
        ("ABLATE_PORT", "0"),
        ("ABLATE_LEASE_S", "-1"),
        ("ABLATE_LEASE_S", "nan"),
        ("ABLATE_QUANTUM_S", "0"),
        ("ABLATE_MLFLOW_URL", "mlflow:5000"),
        ("ABLATE_STORAGE", "s3://bucket"),
        ("ABLATE_STORAGE", "shared"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name):
        Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path), name: value})


@pytest.mark.parametrize(
    ("storage", "wanted"),
    [
        ("/shared/ablate", "/shared/ablate"),
        ("file:///shared/ablate", "/shared/ablate"),
        ("", None),
    ],
)
def test_checkpoints_lie_under_storage_where_it_is_a_path(
    storage: str, wanted: str | None, tmp_path: Path
) -> None:
    settings = Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path), "ABLATE_STORAGE": storage})
    assert settings.checkpoints_dir == Path(wanted or tmp_path) / "checkpoints"


def test_processes_that_may_run_on_several_machines_need_one_secret(tmp_path: Path) -> None:
    told = {"ABLATE_DATA_DIR": str(tmp_path), "ABLATE_DATABASE_URL": "postgresql://db/x"}
    with pytest.raises(BadSettings, match="ABLATE_SECRET has to be set"):
        check_secret(Settings.from_env(told))
    assert list(tmp_path.iterdir()) == [], "and none is made up"
    with pytest.raises(BadSettings, match="ABLATE_SECRET is too short"):
        Settings.from_env({**told, "ABLATE_SECRET": "hush"})
    check_secret(Settings.from_env({**told, "ABLATE_SECRET": "hush" * 8}))
    check_secret(Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path)}))
