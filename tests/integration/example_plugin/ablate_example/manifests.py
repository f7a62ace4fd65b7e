"""What this package adds; free of torch, since the API reads it too."""

from ablations.manifest import Manifest, Metric, Setting
from trainables.manifests.component import Component

WAVY = Component(kind="activation", name="wavy", summary="x + sin(x) / 2", code="ablate_example.code:wavy")
STRIPES = Component(
    kind="dataset", name="stripes", summary="striped images", code="ablate_example.code:stripes"
)
WEIGHT_SIZE = Component(
    kind="measure",
    name="weight_size",
    summary="the mean absolute weight of the trained network",
    code="ablate_example.code:weight_size",
    settings=(Setting(name="weight_power", kind="float", default=1.0, low=0.5, high=4.0),),
    metrics=(Metric(name="mean_weight", goal="minimize", worst=100.0),),
)
PARABOLA = Manifest(
    name="parabola",
    summary="finds the bottom of a parabola by gradient descent",
    code="ablate_example.code:train",
    settings=(
        Setting(name="lr", kind="float", default=0.1, low=0.0, open_low=True),
        Setting(name="steps", kind="int", default=10, low=1),
    ),
    metrics=(Metric(name="height", goal="minimize", worst=1e6, curve=True),),
    step="step",
    steps_setting="steps",
)
