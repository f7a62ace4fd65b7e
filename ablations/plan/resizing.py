"""What a study may come to whose number of seeds is set by a pilot."""

from collections.abc import Sequence
from dataclasses import dataclass

from ablations.design.design import Design, num_trials
from ablations.design.margin import margin_text
from ablations.design.resize import Resize
from ablations.errors import Json
from ablations.plan.cost import Cost, estimate_cost
from ablations.plan.experience import TimedTrial


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedResize:
    """The rule, and the trials and cost of the most seeds that it may set."""

    rule: Resize
    num_trials: int
    cost: Cost

    def to_json(self) -> dict[str, Json]:
        """The rule as it stands in a plan; `seeds` is null until the pilot has set them."""
        rule = self.rule
        return {
            "pilot": rule.pilot,
            "at_most": rule.most,
            "power": rule.power,
            "metric": rule.metric,
            "margin": margin_text(rule.margin, log=rule.log),
            "seeds": None if rule.found is None else rule.found.seeds,
            "words": rule.rule if rule.pending else rule.outcome,
            "num_trials_at_most": self.num_trials,
            "cost_at_most": self.cost.to_json(),
        }


def plan_resize(design: Design, timed: Sequence[TimedTrial]) -> PlannedResize | None:
    """What the design may come to, where its number of seeds is, or was, set by a pilot."""
    if design.resize is None:
        return None
    return PlannedResize(
        rule=design.resize,
        num_trials=num_trials(design, at_most=True),
        cost=estimate_cost(design.largest, timed),
    )
