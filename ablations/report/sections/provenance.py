"""What it takes to run the study again, and what differs from run to run."""

import io
from collections.abc import Iterator, Mapping

from ruamel.yaml import YAML

from ablations.design.design import Design
from ablations.errors import Json
from ablations.report.document.document import Block, Code, Facts, Section
from ablations.report.document.numbers import compact


def provenance(study_id: str, design: Design, facts: Mapping[str, Json]) -> Section:
    """The study's id, the environment as given, and the study as YAML."""
    rows = [("study", study_id), ("trainable", design.manifest.name), *_flat(facts)]
    blocks: tuple[Block, ...] = (Facts(rows=tuple(rows)), Code(language="yaml", text=study_yaml(design)))
    return Section(id="provenance", title="Provenance", blocks=blocks)


def study_yaml(design: Design) -> str:
    """The study as YAML 1.2 that parses to the same study."""
    writer = YAML(typ="safe", pure=True)
    writer.width = 100
    target = io.StringIO()
    writer.dump(design.study.to_json(), target)
    return target.getvalue()


def _flat(facts: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield f"{prefix}{name}", ", ".join(compact(item) for item in value)
        else:
            yield f"{prefix}{name}", compact(value)
