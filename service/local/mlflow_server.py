"""`python -m service.local.mlflow_server DIRECTORY PORT`: MLflow's server on SQLite, in one process.

`mlflow server` imports MLflow and starts another process, which imports it again: seconds of a core at every
start, and memory that only waits. What it would tell that process is said here, by MLflow's own names.
"""

import os
import sys
from pathlib import Path

import uvicorn  # before MLflow: by this it knows that it is a server


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    directory, port = Path(sys.argv[1]), int(sys.argv[2])
    from mlflow import server
    from mlflow.environment_variables import _MLFLOW_IN_JOB_EXECUTOR, _MLFLOW_SGI_NAME
    from mlflow.server import constants, handlers

    database, root = f"sqlite:///{directory / 'mlflow.db'}", "mlflow-artifacts:/"
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: database,
        constants.REGISTRY_STORE_URI_ENV_VAR: database,
        constants.ARTIFACT_ROOT_ENV_VAR: root,
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        constants.ARTIFACTS_DESTINATION_ENV_VAR: str(directory / "artifacts"),
        _MLFLOW_IN_JOB_EXECUTOR.name: "false",
        _MLFLOW_SGI_NAME.name: "uvicorn",
    }
    handlers.initialize_backend_stores(database, database, root)
    uvicorn.run(
        "mlflow.server.fastapi_app:app",
        host="127.0.0.1",
        port=port,
        log_config=str(server._UVICORN_LOG_CONFIG),
    )


if __name__ == "__main__":
    main()
