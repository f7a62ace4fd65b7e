"""Two trainables, one alone and one for packs, whose setting names what they do."""

from dataclasses import replace

from ablations.manifest import Manifest, Metric, Setting

ALONE = Manifest(
    name="hostile",
    summary="does what its setting says",
    code="hostile_plugin.training:train",
    settings=(Setting(name="does", kind="str", default="neighbour"),),
    metrics=(Metric(name="loss", goal="minimize", worst=1e6, curve=True),),
    step="step",
)
PACKED = replace(ALONE, name="hostile-routine", code="hostile_plugin.training:routine", packs=True)
