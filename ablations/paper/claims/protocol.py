"""How a study differs from the preset it is named after, and that preset from its paper scale."""

from collections.abc import Iterator

from ablations.errors import Json
from ablations.identity import canonical
from ablations.paper import presets
from ablations.study.parsing import parse_study
from ablations.study.spec import StudySpec

DETAILS = ("name", "tags", "resources", "metrics", "analysis")
"""What may change without changing what is trained; claims ask for metrics and arms by themselves."""


def edits(study: StudySpec) -> list[str] | None:
    """The fields in which a study is not its preset any more; None if it is named after none there is.

    More seeds than the preset's are no edit.
    """
    name, scale = study.tags.get("preset", ""), study.tags.get("scale", "")
    if name not in presets.names() or scale not in presets.scales(name):
        return None
    original = parse_study(dict(presets.preset(name, scale).study))
    fewer = len(study.seed_list()) < len(original.seed_list())
    return [path for path, _, _ in _changes(_plain(original), _plain(study), "") if path != "seeds" or fewer]


def from_paper(study: StudySpec) -> list[str]:
    """What a study does otherwise than its preset at paper scale, in words."""
    name = study.tags["preset"]
    largest = presets.scales(name)[-1]
    paper = parse_study(dict(presets.preset(name, largest).study))
    found = []
    for path, theirs, ours in _changes(_plain(paper), _plain(study), ""):
        if path.partition(".")[0] in ("factors", "fixed", "seeds"):
            found.append(f"{path.partition('.')[2] or path}: {_shown(ours)}, not {_shown(theirs)}")
    return found


def _plain(study: StudySpec) -> dict[str, Json]:
    plain = {key: value for key, value in study.to_json().items() if key not in DETAILS}
    plain["seeds"] = len(study.seed_list())
    return plain


def _changes(theirs: Json, ours: Json, path: str) -> Iterator[tuple[str, Json, Json]]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        both = {*theirs, *ours}
        if path.startswith("factors.") and {*theirs} != {*ours}:
            # Levels that only one of them has say enough by their names.
            yield path, [*theirs], [*ours]
            both = {*theirs} & {*ours}
        for key in sorted(both):
            yield from _changes(theirs.get(key), ours.get(key), f"{path}.{key}" if path else key)
    elif canonical(theirs) != canonical(ours):
        yield path, theirs, ours


def _shown(value: Json) -> str:
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return "default" if value is None else str(value)
