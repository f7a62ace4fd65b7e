"""Commands for studies that come with the package: presets, preset."""

import json as json_
from typing import Annotated

import typer

from service.cli.client import AsJson
from service.cli.errors import BadInput


def presets(json: AsJson = False) -> None:
    """List the studies that come with this package, at every scale."""
    from ablations.paper import presets as packaged

    found = [packaged.preset(name, scale) for name in packaged.names() for scale in packaged.scales(name)]
    if json:
        items = [{"name": p.name, "scale": p.scale, "title": p.title, "about": p.about} for p in found]
        typer.echo(json_.dumps({"items": items}, indent=2))
    else:
        from service.cli.tables import print_presets

        print_presets(found)


def preset(
    name: Annotated[str, typer.Argument(help="Which preset; `ablate presets` lists them.")],
    scale: Annotated[
        str, typer.Option("--scale", help="smoke (minutes), laptop (half an hour) or paper (a cluster).")
    ] = "smoke",
    json: AsJson = False,
) -> None:
    """Print a preset as a study to edit or to submit: ablate preset NAME | ablate submit -"""
    from ablations.paper import presets as packaged

    if name not in packaged.names():
        raise BadInput(f"no preset {name!r} (there are: {', '.join(packaged.names())})")
    if scale not in packaged.scales(name):
        raise BadInput(
            f"--scale {scale}: {name} has no such scale (it has: {', '.join(packaged.scales(name))})"
        )
    chosen = packaged.preset(name, scale)
    typer.echo(json_.dumps(dict(chosen.study), indent=2) if json else chosen.yaml.rstrip("\n"))


COMMANDS = (presets, preset)
