"""Everything that can be named in a study: trainables and their parts, our own and those of plugins.

Loading it imports the manifests of plugins, which are free of torch, and never the code they name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Literal, TypeVar

from ablations.errors import Json, close_word
from ablations.manifest import Manifest, Setting
from trainables.digests import code_digest
from trainables.errors import UnknownTrainable
from trainables.manifests import activations, classifiers, datasets, images, language, measures
from trainables.manifests.component import Component

GROUPS: Mapping[str, str] = {
    "activation": "ablations.activations",
    "model": "ablations.models",
    "dataset": "ablations.datasets",
    "measure": "ablations.measures",
}
TRAINABLES_GROUP = "ablations.trainables"
# The setting of a packaged trainable by which an arm names a part.
NAMED_BY: Mapping[str, str] = {"activation": "base", "model": "model", "dataset": "dataset"}
# What a user's own file in the datasets directory is.
KINDS: Mapping[str, Literal["dataset", "corpus"]] = {".npz": "dataset", ".txt": "corpus"}

_Declared = TypeVar("_Declared", Manifest, Component)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenPlugin:
    """An entry point that could not be used, and why."""

    group: str
    name: str
    reason: str

    def to_json(self) -> dict[str, Json]:
        """The complaint as the catalogue shows it."""
        return {"group": self.group, "name": self.name, "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Trainables and parts by name, and the plugins that could not be loaded."""

    trainables: Mapping[str, Manifest]
    activations: Mapping[str, Component]
    models: Mapping[str, Component]
    datasets: Mapping[str, Component]
    measures: Mapping[str, Component]
    corpora: Mapping[str, Component] = field(default_factory=dict)
    broken: tuple[BrokenPlugin, ...] = ()

    def manifest(self, name: str) -> Manifest:
        """The manifest of a trainable.

        Raises: UnknownTrainable.
        """
        if name not in self.trainables:
            meant = close_word(name, self.trainables)
            asked = "" if meant is None else f" (did you mean {meant!r}?)"
            known = ", ".join(sorted(self.trainables))
            raise UnknownTrainable(f"no trainable {name!r}{asked}; there are {known}")
        return self.trainables[name]

    def component(self, kind: str, name: str) -> Component | None:
        """The part of this kind and name, if there is one."""
        parts = {
            "activation": self.activations,
            "model": self.models,
            "dataset": self.datasets,
            "measure": self.measures,
            "corpus": self.corpora,
        }
        return parts[kind].get(name)

    def code(self, kind: str, name: str) -> str:
        """The import string of a plugin's part; "" for one of the package's own, or where there is none."""
        part = self.component(kind, name)
        return part.code if part is not None else ""

    def is_corpus(self, name: str) -> bool:
        """Whether data of this name is text."""
        return name in self.corpora and name not in self.datasets

    def data_of(self, name: str, settings: Mapping[str, Json]) -> dict[str, str]:
        """The data that settings of a trainable name, and by which setting.

        That is `dataset`; in a plugin's trainable it is any setting whose value is the name of data.

        Raises: UnknownTrainable.
        """
        packaged = self.manifest(name).code.startswith(f"{__package__}.")
        return {
            value: setting
            for setting, value in settings.items()
            if isinstance(value, str)
            and (setting == NAMED_BY["dataset"] or (not packaged and self._is_data(value)))
        }

    def _is_data(self, name: str) -> bool:
        return name in self.datasets or name in self.corpora

    def code_digests(self, name: str, settings: Mapping[str, Json]) -> dict[str, str]:
        """Digests of the code behind a trial: its trainable's, and that of every plugin its settings name.

        Raises: UnknownTrainable, PluginMissing.
        """
        return {role: code_digest(code) for role, code in self.code_behind(name, settings).items()}

    def code_behind(self, name: str, settings: Mapping[str, Json]) -> dict[str, str]:
        """The import strings of a trial's code: of its trainable, and of every plugin its settings name.

        Raises: UnknownTrainable.
        """
        found = {"trainable": self.manifest(name).code}
        named = [(kind, settings.get(setting)) for kind, setting in NAMED_BY.items() if kind != "dataset"]
        for kind, value in (*named, *(("dataset", data) for data in self.data_of(name, settings))):
            part = self.component(kind, value) if isinstance(value, str) else None
            if part is not None and part.code:
                found[f"{kind}:{part.name}"] = part.code
        for part in self.measures.values():
            if settings.get(part.name) is True:
                found[f"measure:{part.name}"] = part.code or part.text_code
        return found


def load_catalogue(datasets_dir: Path | None = None) -> Catalogue:
    """The catalogue of this environment; `datasets_dir` adds the users' own NAME.npz files."""
    broken: list[BrokenPlugin] = []
    parts = {
        "activation": _by_name(activations.ACTIVATIONS),
        "model": _by_name(images.MODELS),
        "dataset": _by_name(datasets.DATASETS),
        "measure": _by_name(measures.MEASURES),
        "corpus": _by_name(language.CORPORA),
    }
    for path in _local_files(datasets_dir):
        sort = KINDS[path.suffix]
        local = Component(kind=sort, name=path.stem, summary="a local file")
        parts[sort][path.stem] = replace(parts[sort].get(path.stem, local), file=path)
    for kind, group in GROUPS.items():
        for component in _declared(group, Component, broken):
            if component.kind == kind:
                _add(parts[kind], component, group, broken)
            else:
                broken.append(
                    BrokenPlugin(group=group, name=component.name, reason=f"declares a {component.kind}")
                )
    of_images = [measure for measure in parts["measure"].values() if measure.code]
    trainables = _by_name(_with_measures(classifiers.classifiers(parts), of_images, broken))
    on_text = language.language_model(tuple(parts["activation"]), tuple(parts["corpus"]))
    of_text = [measure for measure in parts["measure"].values() if measure.text_code]
    trainables |= _by_name(_with_measures([on_text], of_text, broken))
    for manifest in _declared(TRAINABLES_GROUP, Manifest, broken):
        _add(trainables, manifest, TRAINABLES_GROUP, broken)
    return Catalogue(
        trainables=trainables,
        activations=parts["activation"],
        models=parts["model"],
        datasets=parts["dataset"],
        measures=parts["measure"],
        corpora=parts["corpus"],
        broken=tuple(broken),
    )


class LiveCatalogue:
    """The catalogue of this environment with the users' files as they are now; plugins as they were first."""

    def __init__(self, datasets_dir: Path) -> None:
        self._datasets_dir = datasets_dir
        self._files: list[Path] = []
        self._catalogue: Catalogue | None = None

    def __call__(self) -> Catalogue:
        """Loaded anew when a file has come or gone."""
        files = _local_files(self._datasets_dir)
        if self._catalogue is None or files != self._files:
            self._files, self._catalogue = files, load_catalogue(self._datasets_dir)
        return self._catalogue

    def manifest(self, name: str) -> Manifest:
        """The manifest of a trainable.

        Raises: UnknownTrainable.
        """
        return self().manifest(name)


def _local_files(folder: Path | None) -> list[Path]:
    """NAME.npz with images and NAME.txt with text; our own digits stand for themselves."""
    if folder is None:
        return []
    return sorted(path for path in folder.glob("*.*") if path.suffix in KINDS and path.stem != "digits-5k")


def _by_name(items: Iterable[_Declared]) -> dict[str, _Declared]:
    return {item.name: item for item in items}


def _add(into: dict[str, _Declared], item: _Declared, group: str, broken: list[BrokenPlugin]) -> None:
    if item.name in into:
        broken.append(BrokenPlugin(group=group, name=item.name, reason="the name is taken"))
    else:
        into[item.name] = item


def _declared(group: str, kind: type[_Declared], broken: list[BrokenPlugin]) -> list[_Declared]:
    """What the entry points of a group yield; what does not load is put down as broken."""
    found: list[_Declared] = []
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        try:
            found += _yielded(entry, kind)
        # A plugin may fail in any way, and must not take the service along.
        except (Exception, SystemExit) as error:
            broken.append(
                BrokenPlugin(group=group, name=entry.name, reason=f"{type(error).__name__}: {error}")
            )
    return found


def _yielded(entry: EntryPoint, kind: type[_Declared]) -> list[_Declared]:
    loaded = entry.load()
    if callable(loaded):
        loaded = loaded()
    items = list(loaded) if isinstance(loaded, list | tuple) else [loaded]
    for item in items:
        if not isinstance(item, kind):
            raise TypeError(f"{entry.value} yields {type(item).__name__}, not {kind.__name__}")
    return items


def _with_measures(
    manifests: Iterable[Manifest], measures: Iterable[Component], broken: list[BrokenPlugin]
) -> list[Manifest]:
    """Packaged trainables with a switch for every measure, and the measure's own settings and metrics."""
    grown = list(manifests)
    for measure in measures:
        switch = Setting(name=measure.name, kind="bool", default=False, off=False, help=measure.summary)
        own = tuple(replace(s, when={**s.when, measure.name: (True,)}) for s in measure.settings)
        try:
            grown = [
                replace(m, settings=(*m.settings, switch, *own), metrics=(*m.metrics, *measure.metrics))
                for m in grown
            ]
        except ValueError as error:
            broken.append(BrokenPlugin(group=GROUPS["measure"], name=measure.name, reason=str(error)))
    return grown
