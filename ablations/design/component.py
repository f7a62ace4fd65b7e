"""Components: what a leave-one-out design switches off, and at which level each is off."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ablations.design.condition import level_index
from ablations.design.factor import Factor, Level, scalar
from ablations.errors import InvalidStudy, Json, Problems, UnknownFactor
from ablations.manifest import Manifest, Scalar, coerce, same
from ablations.study.spec import StudySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorLayout:
    """The factors of a design, completed, and the level that each judged factor is compared with.

    `components` are the judged factors of a leave-one-out design; their baseline level is off.
    """

    factors: tuple[Factor, ...]
    baseline: Mapping[str, Scalar]
    components: tuple[str, ...] = ()


def read_components(
    study: StudySpec,
    manifest: Manifest,
    by_name: Mapping[str, Factor],
    baseline: Mapping[str, Scalar],
    problems: Problems,
) -> FactorLayout:
    """The layout of a leave-one-out design, every component with two levels of which one is off."""
    named = study.leave_one_out.components if study.leave_one_out is not None else None
    for i, name in enumerate(named or ()):
        if name not in by_name and name not in study.factors:
            path = f"leave_one_out.components.{name if isinstance(named, dict) else i}"
            problems.add(path, f"{name} is no factor", list(by_name), UnknownFactor)
    if named is None:
        chosen = [name for name in by_name if not study.baseline or name in study.baseline]
    else:
        chosen = [name for name in by_name if name in named or name in study.baseline]
    factors, off = dict(by_name), dict[str, Scalar]()
    for name in chosen:
        if isinstance(named, dict) and name in named:
            factors[name], level = _add_stated_off(by_name[name], named[name], manifest, problems)
        elif name in study.baseline:
            level = _checked_off(by_name[name], baseline, manifest, problems)
        else:
            factors[name], level = _add_declared_off(by_name[name], manifest, problems)
        if level is not None:
            off[name] = level.name
            _check_levels(factors[name], problems)
    if not chosen:
        problems.add("leave_one_out", "there is no component to leave out")
    ordered = tuple(factors[name] for name in by_name)
    return FactorLayout(factors=ordered, baseline={**baseline, **off}, components=tuple(off))


def _add_stated_off(
    factor: Factor, stated: Scalar, manifest: Manifest, problems: Problems
) -> tuple[Factor, Level | None]:
    """The factor and its off-level, which is added where the study names it among the components only."""
    path = f"leave_one_out.components.{factor.name}"
    if factor.index(stated) is None and factor.settings == (factor.name,):
        try:
            plain = coerce(manifest.setting(factor.name), stated, path)
        except InvalidStudy as error:
            problems.note(error)
            return factor, None
        off = Level(name=scalar(plain), settings={factor.name: plain})
        return replace(factor, levels=(*factor.levels, off)), off
    index = level_index(factor, stated, path, problems)
    return factor, None if index is None else factor.levels[index]


def _checked_off(
    factor: Factor, baseline: Mapping[str, Scalar], manifest: Manifest, problems: Problems
) -> Level | None:
    """The off-level that `baseline` names, unless it is the one that the trainable takes to be on."""
    index = factor.index(baseline[factor.name]) if factor.name in baseline else None
    if index is None:
        return None
    off, declared = factor.levels[index], _declared_off(factor, manifest)
    if declared is not None and not same(off.name, declared.name) and factor.index(declared.name) is not None:
        detail = f"here baseline names what is off, and {manifest.name} declares {declared.name!r} to be off"
        problems.add(f"baseline.{factor.name}", detail, declared.name)
    return off


def _add_declared_off(factor: Factor, manifest: Manifest, problems: Problems) -> tuple[Factor, Level | None]:
    """The factor with its off-level last, as the trainable declares it."""
    off = _declared_off(factor, manifest)
    if off is None:
        detail = f"{manifest.name} declares no off-level for {factor.name}: name it in leave_one_out"
        problems.add(f"factors.{factor.name}", detail)
        return factor, None
    index = factor.index(off.name)
    on = tuple(level for i, level in enumerate(factor.levels) if i != index)
    return replace(factor, levels=(*on, off)), off


def _declared_off(factor: Factor, manifest: Manifest) -> Level | None:
    index = factor.index("off")
    if index is not None:
        return factor.levels[index]
    settings: dict[str, Json] = {}
    for name in factor.settings:
        setting = manifest.setting(name)
        if setting.off is None:
            return None
        settings[name] = coerce(setting, setting.off, f"factors.{factor.name}")
    alone = set(settings) == {factor.name}
    return Level(name=manifest.setting(factor.name).off if alone else "off", settings=settings)


def _check_levels(factor: Factor, problems: Problems) -> None:
    if len(factor.levels) != 2:
        path, detail = f"factors.{factor.name}", "a component has two levels, one on and one off"
        problems.add(path, detail, list(factor.names))
