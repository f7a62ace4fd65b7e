"""What the study format holds and this version does not do yet: refused by name, never ignored."""

from ablations.errors import Problems
from ablations.spec import Study


def refuse_unbuilt(study: Study, problems: Problems) -> None:
    """Note everything the study asks for that is not built yet."""
    if study.tuning is not None and study.tuning.scheduler != "none":
        problems.unsupported("tuning.scheduler", "stopping candidates early")
