"""What exists: trainables and datasets, with JSON Schemas."""

from typing import Any

from fastapi import APIRouter

from ablations.errors import Json, Problem
from ablations.manifest import Manifest
from service.api.context import InContext, InProject
from service.errors import NotFound
from trainables.catalogue import Catalogue

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/trainables")
def list_trainables(context: InContext, _project: InProject) -> dict[str, Any]:
    """Every trainable, without its settings; `broken` names the plugins that could not be loaded."""
    items: list[Json] = [
        {"name": name, "summary": manifest.summary, "metrics": [metric.name for metric in manifest.metrics]}
        for name, manifest in sorted(context.catalogue.trainables.items())
    ]
    return {"items": items, "next": None, "broken": broken_shown(context.catalogue)}


@router.get("/trainables/{name}")
def show_trainable(context: InContext, _project: InProject, name: str) -> dict[str, Any]:
    """One trainable."""
    manifest = context.catalogue.trainables.get(name)
    if manifest is None:
        allowed: list[Json] = [*sorted(context.catalogue.trainables)]
        problem = Problem(path="name", detail=f"there is no trainable {name!r}", allowed=allowed)
        raise NotFound(f"there is no trainable {name!r}", [problem])
    return trainable_shown(manifest)


@router.get("/datasets")
def list_datasets(context: InContext, _project: InProject) -> dict[str, Any]:
    """Every dataset by the name that studies use."""
    items: list[Json] = [
        {"name": name, "summary": manifest.summary}
        for name, manifest in sorted({**context.catalogue.datasets, **context.catalogue.corpora}.items())
    ]
    return {"items": items, "next": None}


def broken_shown(catalogue: Catalogue) -> list[Json]:
    """Entry points that could not be used, and why."""
    return [broken.to_json() for broken in catalogue.broken]


def trainable_shown(manifest: Manifest) -> dict[str, Any]:
    """A trainable: its settings as a JSON Schema, and what it measures (the first metric is primary)."""
    return {
        "name": manifest.name,
        "summary": manifest.summary,
        "step": manifest.step,
        "packs": manifest.packs,
        "settings": manifest.json_schema(),
        "metrics": [metric.to_json() for metric in manifest.metrics],
    }
