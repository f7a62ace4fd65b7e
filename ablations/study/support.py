"""What the study format holds and this version does not do yet: refused by name, never ignored."""

from ablations.errors import Problems
from ablations.study.spec import StudySpec


def refuse_unbuilt(study: StudySpec, problems: Problems) -> None:
    """Note everything the study asks for that is not built yet."""
    if study.tuning is not None and study.tuning.scheduler != "none":
        problems.unsupported("tuning.scheduler", "stopping candidates early")
