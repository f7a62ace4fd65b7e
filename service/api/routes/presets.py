"""Presets: studies that come with the package."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from ablations.errors import Json, Problem
from ablations.paper import presets
from service.api.context import InContext, InProject
from service.errors import InvalidRequest, NotFound

router = APIRouter(prefix="/v1/presets", tags=["catalogue"])
Scale = Literal["smoke", "laptop", "paper"]


@router.get("")
def list_presets(_context: InContext, _project: InProject) -> dict[str, Any]:
    """Every preset with its scales."""
    items: list[Json] = []
    for name in presets.names():
        scales = {scale: presets.preset(name, scale).about for scale in presets.scales(name)}
        items.append({"name": name, "title": presets.preset(name).title, "scales": dict(scales)})
    return {"items": items, "next": None}


@router.get("/{name}")
def show_preset(
    _context: InContext,
    _project: InProject,
    name: str,
    scale: Annotated[Scale, Query(description="How large")] = "smoke",
) -> dict[str, Any]:
    """A preset at one scale: `study` is what `POST /v1/studies` takes, `yaml` the same for a file."""
    if name not in presets.names():
        problem = Problem(path="name", detail=f"there is no preset {name!r}", allowed=[*presets.names()])
        raise NotFound(f"there is no preset {name!r}", [problem])
    if scale not in presets.scales(name):
        problem = Problem(
            path="scale", detail=f"{name} has no scale {scale!r}", allowed=[*presets.scales(name)]
        )
        raise InvalidRequest(f"{name} has no scale {scale!r}", [problem])
    chosen = presets.preset(name, scale)
    return {
        "name": name,
        "scale": scale,
        "title": chosen.title,
        "about": chosen.about,
        "study": dict(chosen.study),
        "yaml": chosen.yaml,
    }
