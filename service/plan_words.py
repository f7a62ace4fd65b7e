"""A plan in words, for a terminal and for a page."""

from collections.abc import Iterable, Mapping
from typing import Any

MAX_LEVELS = 12


def sizes(plan: Mapping[str, Any]) -> tuple[str, str]:
    """How many arms and seeds, and how many trials that makes: `4 arms x 3 seeds = `, `12 trials`."""
    arms, seeds = len(plan["arms"]), int(plan.get("num_seeds") or 0)
    counted = (
        f"{_counted(arms, 'arm')} x {_counted(seeds, 'seed')} = " if seeds else f"{_counted(arms, 'arm')}, "
    )
    tuning = plan.get("num_tuning_trials")
    if tuning:
        counted = f"{counted}{arms * seeds} to measure + {tuning} to tune = "
    return counted, _counted(plan["num_trials"], "trial")


def facts(plan: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What is to be known before it is run, each with its label."""
    cost, power = plan.get("cost") or {}, plan.get("power") or {}
    if cost:
        hours = [
            f"{cost[key]:.3g} {kind}-hours"
            for key, kind in (("cpu_hours", "CPU"), ("gpu_hours", "GPU"))
            if cost.get(key)
        ]
        known = cost.get("cpu_hours") is not None
        yield (
            "cost",
            f"about {' and '.join(hours) or 'nothing'} ({cost['basis']})" if known else cost["basis"],
        )
    if resize := plan.get("resize"):
        yield "seeds", _resized(resize)
    if power.get("detectable_effect") is not None:
        chance = f"{100 * power.get('power', 0.8):.0f} %"
        yield (
            "power",
            f"the primary contrast finds {_effect(plan)} with a chance of {chance} ({power.get('basis')})",
        )
    elif power.get("basis"):
        yield "power", str(power["basis"])
    if risk := plan.get("collapse"):
        yield (
            "collapse",
            f"{risk['num_seeds']} seeds without a collapse leave rates up to"
            f" {100 * risk['not_excluded']:.2g} % possible; to exclude a collapse rate above 10 % take"
            f" {risk['seeds_for_tenth']} seeds",
        )
    for metric, seeds in (power.get("seeds_for_margin") or {}).items():
        yield (
            "margin",
            f"{metric}: {'over a million' if seeds is None else seeds} seeds would find its margin",
        )
    if plan.get("design"):
        yield "design", str(plan["design"])
    for factor, levels in (plan.get("factors") or {}).items():
        shown = [str(level) for level in levels[:MAX_LEVELS]]
        more = [f"... {len(levels)} in all"] if len(levels) > MAX_LEVELS else []
        condition = (plan.get("conditional") or {}).get(factor)
        yield "factor", f"{factor}: {', '.join(shown + more)}{f' ({condition})' if condition else ''}"
    if plan.get("collapsed"):
        yield "collapsed", f"{plan['collapsed']} combinations, as a factor of theirs does not apply"


def _resized(resize: Mapping[str, Any]) -> str:
    """The rule for the number of seeds, and what it may come to."""
    if resize["seeds"] is not None:
        return str(resize["words"])
    cost = resize["cost_at_most"]
    hours = "" if cost["cpu_hours"] is None else f", about {cost['cpu_hours']:.3g} CPU-hours"
    return f"{resize['words']}, then {_counted(resize['num_trials_at_most'], 'trial')} in all{hours}"


def _effect(plan: Mapping[str, Any]) -> str:
    value = f"{float(format(plan['power']['detectable_effect'], '.3g')):.6g}"
    primary = [contrast for contrast in plan.get("contrasts") or () if contrast.get("primary")]
    known = bool(primary) and primary[0].get("unit") == "metric"
    return f"a difference of {value}" if known else f"a difference of {value} standard deviations"


def levels_text(levels: Mapping[str, Any]) -> str:
    """`base=mish depth=5`."""

    def one(value: Any) -> str:
        return "|".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    return " ".join(f"{name}={one(value)}" for name, value in levels.items())


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
