"""A small trainable's manifest, with everything a manifest can hold, for tests of designs."""

from ablations.manifest import ForbiddenSettings, Manifest, Metric, Setting

DYNAMIC = ("shared", "per_layer", "per_channel")

MLP = Manifest(
    name="mlp",
    summary="Hidden layers with a named activation.",
    code="nowhere:train",
    settings=(
        Setting(name="depth", kind="int", default=2, low=1, high=1000),
        Setting(name="width", kind="int", default=64, low=1),
        Setting(name="base", kind="str", default="relu", choices=("relu", "mish", "gelu"), off="relu"),
        Setting(name="scalars", kind="str", default="none", choices=("none", *DYNAMIC), off="none"),
        Setting(name="alpha_init", kind="float", default=1.0, when={"scalars": DYNAMIC}),
        Setting(name="beta_init", kind="float", default=0.0, when={"scalars": DYNAMIC}),
        Setting(name="train_scalars", kind="bool", default=True, when={"scalars": DYNAMIC}),
        Setting(
            name="mode", kind="str", default="plain", choices=("plain", "gated"), when={"scalars": DYNAMIC}
        ),
        Setting(name="gate", kind="float", default=0.0, when={"mode": ("gated",)}),
        Setting(name="dataset", kind="str", default="digits-5k", choices=("digits-5k", "mnist")),
        Setting(name="epochs", kind="int", default=5, low=1),
        Setting(name="batch_size", kind="int", default=128, low=1),
        Setting(name="optimizer", kind="str", default="adam", choices=("adam", "sgd")),
        Setting(name="lr", kind="float", default=1e-3, low=0, open_low=True),
        Setting(name="momentum", kind="float", default=0.9, low=0, high=1, when={"optimizer": ("sgd",)}),
        Setting(name="nesterov", kind="bool", default=False, when={"optimizer": ("sgd",)}),
        Setting(name="dropout", kind="float", default=0.0, low=0, high=1, off=0.0),
        Setting(name="augment", kind="bool", default=False, off=False),
        Setting(name="smoothing", kind="float", default=0.0, low=0, high=1, off=0.0),
        Setting(name="size", kind="str", default="s", choices=("s", "m", "l"), ordered=True),
        Setting(name="clip", kind="float", default=None, low=0),
        Setting(name="milestones", kind="floats", default=[0.5]),
    ),
    metrics=(
        Metric(name="test_accuracy", goal="maximize", worst=0.0, split="test"),
        Metric(name="val_accuracy", goal="maximize", worst=0.0, curve=True, split="validation"),
        Metric(name="train_loss", goal="minimize", worst=100.0, scale="log", curve=True),
        Metric(name="seconds", goal="minimize", worst=1e6, costly=True, unit="s"),
    ),
    steps_setting="epochs",
    packs=True,
    forbids=(
        ForbiddenSettings(
            settings={"scalars": ("per_channel",), "width": (1,)}, reason="no channels to scale"
        ),
    ),
)
