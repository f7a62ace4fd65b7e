"""The claims table: every claim of the abstract beside what the project's finished studies say about it."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock

from ablations.design.design import Design
from ablations.errors import InvalidStudy, Json
from ablations.paper import presets
from ablations.paper.claims.abstract import CLAIMS
from ablations.paper.claims.judge import judge_claim, overall
from ablations.paper.claims.protocol import edits, from_paper
from ablations.paper.claims.statement import Claim
from ablations.plan.compile import compile_design
from ablations.results.results import Results, TrialRecord, reads_curves
from ablations.study.parsing import parse_study
from service.ledger import Tx, studies, trials
from service.ledger.studies import StudyRow
from trainables.catalogue import Catalogue

MAX_STUDIES = 100
MAX_READ = 64
NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimEvidence:
    """A finished study of a preset: its results, and the fields in which it was edited."""

    row: StudyRow
    scale: str
    edits: tuple[str, ...]
    differences: tuple[str, ...]
    design: Design
    results: Results

    def to_json(self) -> dict[str, Json]:
        """The study as the claims table shows it."""
        return {
            "id": self.row.id,
            "name": self.row.name,
            "scale": self.scale,
            "edited": list(self.edits),
            "num_seeds": len(self.results.seeds),
            "num_trials": self.row.num_trials,
            "differs_from_paper_scale": list(self.differences),
        }


class Read:
    """Evidence as it was read, by study and its last event: what has ended is read once."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, int], ClaimEvidence | None] = OrderedDict()
        self._lock = Lock()

    def get(self, row: StudyRow, read: Callable[[], ClaimEvidence | None]) -> ClaimEvidence | None:
        """What is known of the study, read anew if something has happened since."""
        key = (row.id, row.seq)
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        found = read()
        with self._lock:
            self._found[key] = found
            while len(self._found) > MAX_READ:
                self._found.popitem(last=False)
        return found


def claims_table(tx: Tx, catalogue: Catalogue, project: str, known: Read) -> list[dict[str, Json]]:
    """One entry a claim, in the order of the abstract, judged by the best finished study of its preset.

    That is one as the preset came, before edited ones; then the larger scale, then the newest.
    """
    presets_asked = {claim.preset for claim in CLAIMS}
    evidence = {name: _best(tx, catalogue, project, name, known) for name in presets_asked}
    return [_entry(claim, evidence[claim.preset]) for claim in CLAIMS]


def _entry(claim: Claim, evidence: ClaimEvidence | None) -> dict[str, Json]:
    rows = (
        judge_claim(
            claim, evidence.design, evidence.results, scale=evidence.scale, edited=bool(evidence.edits)
        )
        if evidence
        else []
    )
    return {
        "id": claim.id,
        "sentence": claim.sentence,
        "claimed": claim.claimed,
        "preset": claim.preset,
        "contrasts": list(dict.fromkeys(asked.contrast for asked in claim.asked)),
        "reading": claim.reading,
        "verdict": overall(rows) if rows else NOT_RUN,
        "study": evidence.to_json() if evidence else None,
        "rows": [row.to_json() for row in rows],
    }


def _best(tx: Tx, catalogue: Catalogue, project: str, name: str, known: Read) -> ClaimEvidence | None:
    ranked: list[tuple[tuple[bool, int, str], StudyRow, str, list[str]]] = []
    for row in studies.page(tx, project=project, limit=MAX_STUDIES, state="done", labels=[("preset", name)]):
        study = parse_study(dict(row.spec))
        changed = edits(study)
        if changed is not None:
            scale = study.tags["scale"]
            rank = (not changed, presets.SCALES.index(scale), row.id)
            ranked.append((rank, row, scale, changed))
    for _, row, scale, changed in sorted(ranked, key=lambda one: one[0], reverse=True):
        found = known.get(row, partial(_evidence, tx, catalogue, row, scale, changed))
        if found is not None:
            return found
    return None


def _evidence(
    tx: Tx, catalogue: Catalogue, row: StudyRow, scale: str, changed: list[str]
) -> ClaimEvidence | None:
    """The study with its results; None where this version does not understand it any more."""
    study = parse_study(dict(row.spec))
    try:
        design = compile_design(study, catalogue.trainables[study.trainable])
    except (InvalidStudy, KeyError):
        return None
    records = trials.each_record(tx, row.id, courses=reads_curves(design.readings))
    return ClaimEvidence(
        row=row,
        scale=scale,
        edits=tuple(changed),
        differences=tuple(from_paper(study)),
        design=design,
        results=Results.build(design, (TrialRecord.from_json(record) for record in records)),
    )
