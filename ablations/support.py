"""What the study format holds and this version does not do yet: refused by name, never ignored."""

from ablations.errors import Problems
from ablations.spec import Study


def refuse_unbuilt(study: Study, problems: Problems) -> None:
    """Note everything the study asks for that is not built yet."""
    _refuse_analysis(study, problems)
    _refuse_search(study, problems)
    if isinstance(study.resources.pack, int) and study.resources.pack > 1:
        problems.unsupported("resources.pack", "packs of a given size")


def _refuse_analysis(study: Study, problems: Problems) -> None:
    analysis = study.analysis
    if analysis.test == "wilcoxon":
        problems.unsupported("analysis.test", "verdicts by the Wilcoxon test")
    if analysis.correction == "bh":
        problems.unsupported("analysis.correction", "correction by Benjamini and Hochberg")
    if analysis.margin:
        problems.unsupported("analysis.margin", "equivalence")
    if analysis.looks:
        problems.unsupported("analysis.looks", "looks before the end")
    for name, contrast in analysis.contrasts.items():
        if contrast.interaction is not None:
            problems.unsupported(f"analysis.contrasts.{name}.interaction", "interactions with a verdict")
        if contrast.trend is not None:
            problems.unsupported(f"analysis.contrasts.{name}.trend", "trends")


def _refuse_search(study: Study, problems: Problems) -> None:
    tuning = study.tuning
    if tuning is None:
        return
    if tuning.per is not None:
        problems.unsupported("tuning.per", "tuning a group of arms together")
    if tuning.repeats > 1:
        problems.unsupported("tuning.repeats", "tuning more than once")
    if tuning.confirm > 1:
        problems.unsupported("tuning.confirm", "confirming more than one candidate")
    if tuning.scheduler != "none":
        problems.unsupported("tuning.scheduler", "stopping candidates early")
    if tuning.sampler not in ("tpe", "random"):
        problems.unsupported("tuning.sampler", f"the {tuning.sampler} sampler")
