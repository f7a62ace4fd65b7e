"""The jobs that a worker gives to the cluster: drivers with a study, and drivers that stand by for one."""

from service.auth import ticket
from service.cluster import Job
from service.ledger.attempts import Attempt
from service.settings import Settings

STOP_WAIT_S = 15


def job_of(attempt: Attempt, settings: Settings) -> Job:
    """The driver of an attempt as a job: the same for every submission of it."""
    return Job(
        submission_id=attempt.submission_id,
        entrypoint=f"exec python -m service.driver {attempt.submission_id}",
        env=_env(settings, attempt.submission_id),
        metadata={"ablate_study": attempt.study_id, "ablate_attempt": str(attempt.number)},
    )


def standby_job(standby_id: str, settings: Settings) -> Job:
    """A driver that asks for its study when everything is loaded."""
    return Job(
        submission_id=standby_id,
        entrypoint=f"exec python -m service.driver standby {standby_id}",
        env=_env(settings, standby_id),
        metadata={"ablate_standby": standby_id},
    )


def _env(settings: Settings, job_id: str) -> dict[str, str]:
    return {
        "ABLATE_INTERNAL_URL": settings.internal_url,
        "ABLATE_DRIVER_TICKET": ticket(settings.secret, job_id),
        "ABLATE_DATASETS_DIR": str(settings.datasets_dir),
        "ABLATE_ALL_CHECKPOINTS_DIR": str(settings.checkpoints_dir),
        "ABLATE_QUANTUM_S": str(settings.quantum_s),
        "ABLATE_STANDBY_WORKERS": str(settings.standby_workers),
        **settings.budgets.to_env(),
        "PYTHONUNBUFFERED": "1",
        "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S),
    }
