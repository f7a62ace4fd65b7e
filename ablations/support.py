"""What the study format holds and this version does not do yet: refused by name, never ignored."""

from ablations.errors import Problems
from ablations.spec import Study


def refuse_unbuilt(study: Study, problems: Problems) -> None:
    """Note everything the study asks for that is not built yet."""
    _refuse_search(study, problems)


def _refuse_search(study: Study, problems: Problems) -> None:
    tuning = study.tuning
    if tuning is None:
        return
    if tuning.scheduler != "none":
        problems.unsupported("tuning.scheduler", "stopping candidates early")
