"""How the numbers were made, in words somebody can paste into a paper."""

from ablations.design.factor import name_many
from ablations.design.margin import margin_text
from ablations.design.resize import Resize
from ablations.effects.effect import ContrastEffects
from ablations.effects.holes import UNRELATED
from ablations.report.document.document import Block, Bullets, Column, Fold, Kind, Paragraph, Table
from ablations.report.document.numbers import compact, count, listing
from ablations.report.evidence import Evidence, Measure, levels_text
from ablations.report.sections.collapses import collapse_notes
from ablations.report.sections.procedures import KEEPS, procedure
from ablations.report.sections.promises import promises

MAX_EXCLUDED = 200


def methods(evidence: Evidence) -> list[Block]:
    """Design, pairing, tests, outcomes."""
    paragraphs = [_design(evidence), _pairing(evidence)]
    if evidence.effects.contrasts:
        paragraphs += [
            _inference(evidence),
            *_resizing(evidence),
            *_random(evidence),
            *_margins(evidence),
            *_scales(evidence),
            *_rates(evidence),
            *collapse_notes(evidence),
        ]
    paragraphs.append(_outcomes(evidence))
    if evidence.design.study.tuning is not None:
        paragraphs.append(_tuning(evidence))
    blocks: list[Block] = [Paragraph(phrases=(text,)) for text in paragraphs]
    if evidence.effects.contrasts:
        blocks += promises(len(evidence.design.seeds))
    blocks.append(Bullets(items=tuple((_measure(evidence, m),) for m in evidence.measures)))
    return [*blocks, *_excluded(evidence)]


def _design(evidence: Evidence) -> str:
    design = evidence.design
    factors = listing([f"{f.name} ({', '.join(compact(n) for n in f.names)})" for f in design.factors])
    text = (
        f"{design.study.design.replace('_', ' ').capitalize()} design of the trainable {design.manifest.name}"
    )
    text += f" over {factors}" if design.factors else " without factors"
    text += f": {count(len(design.arms), 'arm')}, {count(len(design.seeds), 'seed')} each."
    if design.collapsed:
        text += (
            f" {count(design.collapsed, 'combination')} of levels came to the same training, where a factor"
            " does not apply, and count once."
        )
    return text


def _pairing(evidence: Evidence) -> str:
    return (
        "Seeds are blocks: a seed means the same initial weights where shapes allow, the same order of data"
        " and the same random streams in every arm. Every spread and interval in this report is over seeds"
        f" and nothing else. Seeds: {_seed_list(evidence.design.seeds)}."
    )


def _seed_list(seeds: tuple[int, ...]) -> str:
    if len(seeds) > 2 and seeds == tuple(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(str(s) for s in seeds)


def _inference(evidence: Evidence) -> str:
    judged = evidence.primary or evidence.effects.contrasts[0]
    level = compact(100 * (1 - judged.alpha))
    ranked = judged.estimator == "pseudomedian"
    interval = "Hodges and Lehmann's estimate and its interval" if ranked else "a t interval"
    return (
        "Two arms match when they differ in the judged factor and agree on every other factor that applies"
        " to both. An effect is the difference within a seed, averaged over the matched arms to one score a"
        f" seed, summarised over seeds with {interval} of {level} %. Verdicts rest on"
        f" {procedure(judged.test, judged.rows)}; p-values within one contrast are"
        f" {KEEPS[judged.correction]} at {compact(judged.alpha)}.{_singled_out(judged)} Only the primary"
        " contrast carries verdicts: better or worse by the goal of the metric, inconclusive where the data"
        " do not decide. Everything else is exploratory."
    )


def _singled_out(judged: ContrastEffects) -> str:
    """What the interval of a row is that the answer picks by its result."""
    if len(judged.rows) < 2:
        return ""
    return (
        f" The interval of a row that the answer singles out holds for all {len(judged.rows)} rows at once"
        " (Bonferroni), as the largest of several effects is likely overestimated; those in tables are for"
        " one row each."
    )


def _resizing(evidence: Evidence) -> list[str]:
    """How the number of seeds came about, where a pilot was to set it."""
    rule, primary = evidence.design.resize, evidence.primary
    if rule is None or primary is None:
        return []
    found = rule.found
    so_far = "" if found is None else f" It set {count(found.seeds, 'seed')}{_told(rule)}."
    return [
        f"The number of seeds was not fixed at the start but set once, by a rule that was: after a pilot of"
        f" {rule.pilot} seeds, whose runs count in the end, as many seeds as are needed so that {rule.aim} by"
        f" {procedure(primary.test, primary.rows)} at {compact(primary.alpha)}, corrected for"
        f" {count(len(primary.rows), 'row')}; at most {rule.most}. The rule saw how large the paired"
        " differences were and not in which direction: the spread is the root of their mean square in the row"
        " where that is largest, which does not depend on which arm is which and is on average no smaller"
        " than the standard deviation (Kieser and Friede, Statistics in Medicine 22, 2003, 3571-3581)."
        f" Reports show no difference before; the rule could not be changed.{so_far}"
    ]


def _told(rule: Resize) -> str:
    """What the pilot told."""
    found = rule.found
    assert found is not None
    if found.spread is None:
        return ", the most that there may be, as no row of it had two complete pairs"
    enough = "" if found.enough else ", the most that there may be, though that chance asks for more"
    return f" from a spread of {compact(float(f'{found.spread:.3g}'))} in {found.row}{enough}"


def _random(evidence: Evidence) -> list[str]:
    """What a random factor changes, where there is one."""
    factors = dict.fromkeys(c.random for c in evidence.effects.contrasts if c.random is not None)
    return [
        f"Levels of {factor} are taken for a sample of {name_many(factor)} in general. The effect within"
        " each is the mean over its seeds, with the variance over seeds pooled between them; the variance"
        " between them is Paule and Mandel's, the interval and test of the mean are those of Hartung,"
        " Knapp, Sidik and Jonkman, with the covariance added that comes from seeds they share, and the"
        " interval for the next one is that of Higgins, Thompson and Spiegelhalter."
        for factor in factors
    ]


def _margins(evidence: Evidence) -> list[str]:
    """What equivalence means here, where a margin was declared."""
    primary = evidence.primary
    margins = {c.metric: c.margin for c in evidence.effects.contrasts if c.margin is not None}
    if not margins:
        return []
    named = [
        f"{_margin_of(evidence.measure(metric), margin)} in {metric}" for metric, margin in margins.items()
    ]
    text = (
        f"Declared margins: {listing(named)}. Equivalent means that two one-sided tests place the difference"
        " inside the margin on either side, at the same level and corrected like the differences in a family"
        " of their own. Better and worse say whether the difference is smaller than the margin (equivalent as"
        " well), larger (the interval that holds for all rows at once lies beyond it) or perhaps smaller. Not"
        " worse means that this interval excludes a loss as large as the margin, and nothing more is shown."
    )
    if primary is not None and primary.margin is not None:
        text += (
            " Seeds that would settle an inconclusive row follow from its observed spread and the margin,"
            " with a power of 80 %, never from its observed effect."
        )
    return [text]


def _margin_of(measure: Measure, margin: float) -> str:
    return margin_text(margin, log=measure.log, rate=measure.rate, unit=measure.unit)


def _scales(evidence: Evidence) -> list[str]:
    """In what effects are given where it is not the metric's own unit."""
    judged = {c.metric: evidence.measure(c.metric) for c in evidence.effects.contrasts}
    logs = [name for name, measure in judged.items() if measure.log]
    if not logs:
        return []
    return [
        f"The scale of {listing(logs)} is logarithmic: there a difference is one of logarithms, a mean a"
        " geometric one, and every effect and its interval are given as factors."
    ]


def _rates(evidence: Evidence) -> list[str]:
    """How rates are compared, where there are any."""
    if not any(measure.rate for measure in evidence.measures):
        return []
    text = (
        "Rates of one arm against one are compared by McNemar's exact test with Newcombe's interval for"
        " paired rates; averages of several arms by the tests above. Differences of rates are in points: 1"
        " point is a hundredth of the seeds."
    )
    if any(c.margin is not None and evidence.measure(c.metric).rate for c in evidence.effects.contrasts):
        text += " Equivalence of rates is tested by an exact unconditional test on Tango's score."
    return [text]


def _outcomes(evidence: Evidence) -> str:
    worst = [f"{m.name} = {compact(m.worst)}" for m in evidence.measures if m.worst is not None]
    counted = f" ({', '.join(worst)})" if worst else ""
    fate = "a verdict that the worst values in the holes would change is withheld"
    if evidence.design.study.analysis.missing == "unrelated":
        fate = UNRELATED
    return (
        f"A diverged trial counts as the declared worst value of the metric{counted}. Failed and cancelled"
        f" trials are holes, and a seed with a hole on either side of a difference is left out of it; {fate}."
        " Test data is scored once for each declared reading and never used for a choice; learning curves"
        " show validation data."
    )


def _tuning(evidence: Evidence) -> str:
    tuning = evidence.design.study.tuning
    assert tuning is not None
    tried = (
        f"{count(tuning.candidates, 'candidate')} from the {tuning.sampler} sampler over"
        f" {listing(list(tuning.space))}"
    )
    if not evidence.design.study.factors and evidence.design.study.arms is None:
        lead = f"Before anything was measured a search tried {tried}"
    elif tuning.per is None:
        lead = f"Before it was measured, every arm got the same budget of {tried}"
    else:
        who = f"every combination of {listing(tuning.per)}" if tuning.per else "all arms together"
        lead = f"Before they were measured, {who} shared {tried}, each tried in every one of its arms"
    conditional = (
        " With one search each the results are conditional on these tuned settings."
        if tuning.repeats == 1
        else " Every seed has searches of its own, so that the intervals hold the luck of the search too."
    )
    return f"{lead}, selected on validation data with seeds that are not reported.{conditional}"


def _measure(evidence: Evidence, measure: Measure) -> str:
    aim = "higher is better" if measure.goal == "maximize" else "lower is better"
    meaning = f" ({measure.meaning.rstrip('.')})" if measure.meaning else ""
    if measure.rate:
        return f"{measure.name}{meaning}: {aim}."
    points = {"end": "the end", "best_validation": "the best validation score"}
    point = points.get(measure.at, f"{evidence.design.manifest.step} {measure.at}")
    return f"{measure.name}{meaning}: read at {point}, {aim}."


def _excluded(evidence: Evidence) -> list[Block]:
    excluded = evidence.design.excluded
    if not excluded:
        return []
    rows = tuple((levels_text(e.levels), e.reason) for e in excluded[:MAX_EXCLUDED])
    table = Table(columns=(Column(name="levels", kind=Kind.NAME), Column(name="reason")), rows=rows)
    return [Fold(title=f"{count(len(excluded), 'excluded combination')}", blocks=(table,))]
