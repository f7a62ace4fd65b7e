"""Where trials of one comparison ran with several versions of code, data or machine."""

from collections.abc import Sequence

from ablations.errors import Json
from ablations.report.document.document import Block, Callout
from ablations.report.document.numbers import count
from ablations.report.evidence import Evidence
from ablations.results.environments import Difference, Environment, differences, distinct, part_name, short


def mixed(evidence: Evidence) -> list[Block]:
    """A warning where comparisons mix versions, with the versions of every part that changed."""
    rows = evidence.primary.rows if evidence.primary is not None else ()
    num = sum(bool(row.mixed) for row in rows)
    everything = (trial for trials in evidence.results.origins.values() for trial in trials)
    changed = differences(distinct(everything))
    if not changed:
        return []
    title = "Trials ran with several versions"
    if num:
        title = f"{count(num, 'comparison')} without a verdict: trials ran with several versions"
    return [Callout(tone="warning", title=title, text=" ".join(map(_line, changed)))]


def environment_facts(environments: Sequence[Environment | None]) -> dict[str, Json]:
    """Every version of code, data and machine behind these trials, and for how many it is unknown."""
    known = [environment for environment in environments if environment is not None]
    found: dict[str, dict[str, None]] = {}
    for environment in known:
        for part, version in environment.parts.items():
            found.setdefault(part_name(part), {})[_described(version, environment.commits.get(part))] = None
    facts: dict[str, Json] = {name: "; ".join(versions) for name, versions in found.items()}
    if unknown := len(environments) - len(known):
        facts["unknown"] = f"what {count(unknown, 'trial')} ran with was not recorded"
    return facts


def _line(difference: Difference) -> str:
    versions = "; ".join(
        f"{_described(version, difference.commit(version))} in {difference.whose(version)}"
        for version in difference.versions
    )
    return f"{part_name(difference.part)}: {versions}."


def _described(version: str, commit: str | None) -> str:
    return f"{short(version)} (commit {commit})" if commit else short(version)
