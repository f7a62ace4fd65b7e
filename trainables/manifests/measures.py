"""The measures that come with this package, as manifests."""

from ablations.manifest import Metric, Setting
from trainables.manifests.component import Component


def _attack(name: str, title: str, more: tuple[Setting, ...] = ()) -> Component:
    epsilon = Setting(
        name=f"{name}_epsilon",
        kind="float",
        default=0.08,
        low=0.0,
        high=1.0,
        help="of pixels scaled to [0, 1]",
    )
    more_epsilons = Setting(
        name=f"{name}_epsilons",
        kind="floats",
        default=None,
        low=0.0,
        high=1.0,
        help=f"further ones in the same trial: at 0.02, say, the metric {name}_accuracy.0.02 and its like",
    )
    at_each = more_epsilons.name
    return Component(
        kind="measure",
        name=name,
        code=f"trainables.measures.declared:measure_{name}",
        summary=f"accuracy under {title}, on test images at the end",
        settings=(epsilon, more_epsilons, *more),
        metrics=(
            Metric(
                name=f"{name}_accuracy",
                goal="maximize",
                worst=0.0,
                split="test",
                at_each=at_each,
                help="robust accuracy: the share of test images right under attack",
            ),
            Metric(
                name=f"{name}_clean_accuracy",
                goal="maximize",
                worst=0.0,
                split="test",
                at_each=at_each,
                help="the share of the same images right without attack",
            ),
            Metric(
                name=f"{name}_drop",
                goal="minimize",
                worst=1.0,
                split="test",
                at_each=at_each,
                help="accuracy without attack minus accuracy under it",
            ),
            Metric(
                name=f"{name}_relative_drop",
                goal="minimize",
                worst=1.0,
                split="test",
                at_each=at_each,
                help="the drop as a share of the accuracy without attack",
            ),
        ),
    )


def _share(name: str, help: str) -> Metric:
    return Metric(name=name, goal="maximize", worst=0.0, split="test", help=help)


FGSM = _attack("fgsm", "the fast gradient sign method")
PGD = _attack(
    "pgd",
    "projected gradient descent",
    (
        Setting(
            name="pgd_steps",
            kind="int",
            default=10,
            low=1,
            high=1000,
            help="of 2.5 epsilon / pgd_steps each, from the clean image",
        ),
    ),
)
LINEARITY = Component(
    kind="measure",
    name="linearity",
    code="trainables.measures.declared:measure_linearity",
    text_code="trainables.measures.passages:measure_linearity",
    summary="how linear the trained activations are on test data, by layer",
    metrics=(
        _share("linear_share", "energy of beta x as a share of both paths' energy, the mean over layers"),
        _share("linear_share_shallow", "the same over the first third of the layers"),
        _share("linear_share_deep", "the same over the last third of the layers"),
        _share("straightness", "squared correlation of an activation's output with its input, the mean"),
        _share("straightness_shallow", "the same over the first third of the layers"),
        _share("straightness_deep", "the same over the last third of the layers"),
    ),
)
NETWORK_LINEARITY = Component(
    kind="measure",
    name="network_linearity",
    code="trainables.measures.mapping:measure_network_linearity",
    summary="how much of what the network computes from its input an affine map computes too, by depth",
    metrics=(
        _share("network_linear_fit", "variance of the logits that the best affine map of the input explains"),
        _share("network_linear_fit_shallow", "the same for activations, over the first third of the layers"),
        _share("network_linear_fit_deep", "the same for activations, over the last third of the layers"),
    ),
)


def _norm(name: str, help: str) -> Metric:
    return Metric(name=name, goal="maximize", worst=1e-30, scale="log", curve=True, split="train", help=help)


GRADIENTS = Component(
    kind="measure",
    name="gradients",
    code="trainables.measures.gradients:measure_gradients",
    text_code="trainables.measures.passages:measure_gradients",
    each_epoch=True,
    summary="norms of the loss gradient by layer, at every validation, on a fixed batch of training data; "
    "of language models in the blocks alone, without the embedding",
    metrics=(
        _norm("gradient_norm", "of all weight matrices and kernels together"),
        _norm("gradient_norm_first", "of the first layer's weights"),
        _norm("gradient_norm_last", "of the last layer's weights"),
        _norm("gradient_ratio", "first layer's by last layer's; far below 1 the gradient vanishes"),
    ),
)

MEASURES = (FGSM, PGD, LINEARITY, NETWORK_LINEARITY, GRADIENTS)
