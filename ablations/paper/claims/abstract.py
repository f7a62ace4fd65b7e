"""The claims of the abstract of arXiv 2603.22154, of which nothing but the abstract is known to us."""

from ablations.paper.claims.statement import LARGEST, SMALLEST, Asked, AtLeast, Claim, Target, Where

DYNAMIC = {"scalars": "per_layer", "base": "mish"}
STATIC_MISH = {"scalars": "none", "base": "mish"}
RELU = {"scalars": "none", "base": "relu"}

EFFICIENCY = Claim(
    id="efficiency",
    sentence="Training efficiency improves by up to 54 % over ReLU.",
    claimed="up to +54 %",
    target=Target(about=54.0),
    preset="convergence",
    reading="Efficiency is one over the area under the validation loss over epochs; the gain is that of "
    "dynActivation(Mish) over static ReLU, for the network of the study that gains most.",
    asked=(
        Asked(
            label="dynActivation(Mish) over ReLU",
            kind="gain",
            metric="convergence_auc",
            of=DYNAMIC,
            against=RELU,
            strongest="model",
            contrast="area",
        ),
    ),
)
ATTENTION_CNN = Claim(
    id="attention-cnn",
    sentence="On CIFAR-10, dynActivation(Mish) exceeds static Mish by up to 14.02 % on AttentionCNN.",
    claimed="+14.02 points",
    target=Target(about=14.02),
    preset="cifar10-activations",
    reading="Percent are points of test accuracy after the last epoch.",
    asked=(
        Asked(
            label="AttentionCNN, Mish",
            kind="difference",
            metric="test_accuracy",
            of={**DYNAMIC, "model": "attention_cnn"},
            against={**STATIC_MISH, "model": "attention_cnn"},
            contrast="by_model",
            needs={"dataset": "cifar10"},
        ),
    ),
)
AVERAGE = Claim(
    id="average",
    sentence="On CIFAR-10, dynActivation(Mish) exceeds static Mish by 6.00 % on average over models.",
    claimed="+6.00 points",
    target=Target(about=6.0),
    preset="cifar10-activations",
    reading="Percent are points of test accuracy after the last epoch; the models of the study count alike.",
    asked=(
        Asked(
            label="mean over models, Mish",
            kind="difference",
            metric="test_accuracy",
            of=DYNAMIC,
            against=STATIC_MISH,
            contrast="average",
            needs={"dataset": "cifar10"},
        ),
    ),
)
CONVERGENCE = Claim(
    id="convergence",
    sentence="On CIFAR-10, the convergence AUC of dynActivation(Mish) is 24 % below static Mish's (2120 "
    "against 2785).",
    claimed="-23.9 %",
    target=Target(about=-23.9),
    preset="convergence",
    reading="The area is that under the validation loss over epochs, by trapezoids from initialisation on; "
    "its unit differs from the abstract's, so areas are compared as ratios.",
    asked=(
        Asked(
            label="dynActivation(Mish) against Mish",
            kind="change",
            metric="convergence_auc",
            of=DYNAMIC,
            against=STATIC_MISH,
            contrast="area",
            needs={"dataset": "cifar10"},
        ),
    ),
)
NEVER_BELOW = Claim(
    id="depth",
    sentence="On MNIST with 1 to 75 layers, dynActivation never falls below 95 % test accuracy.",
    claimed=">= 95 %",
    target=Target(above=95.0),
    preset="mnist-depth",
    reading="dynActivation(Mish) with scalars a layer; the depth with the lowest mean decides. How weights "
    "and beta start is not in the abstract, so every start of the study is asked.",
    asked=(
        Asked(
            label="weakest depth",
            kind="level",
            metric="test_accuracy",
            of=DYNAMIC,
            each=("weight_init", "beta_init"),
            weakest="depth",
            needs={"dataset": "mnist"},
            contrast="by_depth",
        ),
    ),
)
RELU_COLLAPSES = Claim(
    id="relu-collapse",
    sentence="On MNIST, ReLU collapses below 80 % test accuracy at 25 layers.",
    claimed="< 80 %",
    target=Target(below=80.0),
    preset="mnist-depth",
    reading="Static ReLU at 25 hidden layers. How weights start is not in the abstract, so every start of "
    "the study is asked.",
    asked=(
        Asked(
            label="ReLU, 25 layers",
            kind="level",
            metric="test_accuracy",
            of={**RELU, "depth": 25},
            each=("weight_init",),
            contrast="deep",
            needs={"dataset": "mnist"},
        ),
    ),
)
ROBUSTNESS = Claim(
    id="fgsm",
    sentence="Under FGSM at epsilon 0.08 accuracy drops by 55.39 % with dynActivation(Mish), by 62.79 % with "
    "ReLU.",
    claimed="-7.40 points",
    target=Target(about=-7.4),
    preset="fgsm",
    reading="The drop is clean minus attacked test accuracy in points, epsilon is of pixels in [0, 1]; the "
    "claim is the difference between the two drops. The abstract names neither data nor network.",
    asked=(
        Asked(
            label="dynActivation(Mish) against ReLU",
            kind="difference",
            metric="fgsm_drop",
            of=DYNAMIC,
            against=RELU,
            contrast="drop",
        ),
    ),
)
GLU = {"glu": "dynactglu"}
SWIGLU = {"glu": "swiglu"}
PERPLEXITY_EARLY = Claim(
    id="perplexity",
    sentence="After 5,620 steps the perplexity of dynActGLU is 10.3 % below SwiGLU's (4.047 against 4.514).",
    claimed="-10.3 %",
    target=Target(about=-10.3),
    preset="lm-glu",
    reading="Test perplexity a token, at the study's early step: read in the long training, and at the end "
    "of a training whose schedule ends there. Both are given, as the abstract does not say which.",
    asked=(
        Asked(
            label="early in one training",
            kind="change",
            metric="test_perplexity",
            of={**GLU, "steps": LARGEST},
            against={**SWIGLU, "steps": LARGEST},
            at="first",
            contrast="in_one_training",
        ),
        Asked(
            label="a short training",
            kind="change",
            metric="test_perplexity",
            of={**GLU, "steps": SMALLEST},
            against={**SWIGLU, "steps": SMALLEST},
            contrast="own_budget",
        ),
    ),
)
PERPLEXITY_LATE = Claim(
    id="perplexity-late",
    sentence="After 34,300 steps the gap between dynActGLU and SwiGLU is gone.",
    claimed="0 %",
    target=Target(about=0.0, otherwise=-10.3),
    preset="lm-glu",
    reading="Test perplexity a token at the end of the study's long training. Gone means that the interval "
    "includes 0 and excludes the early gap.",
    asked=(
        Asked(
            label="a long training",
            kind="change",
            metric="test_perplexity",
            of={**GLU, "steps": LARGEST},
            against={**SWIGLU, "steps": LARGEST},
            contrast="own_budget",
        ),
    ),
)
DEEP: Where = {**DYNAMIC, "depth": AtLeast(value=10)}
DEEP_STATIC: Where = {**STATIC_MISH, "depth": AtLeast(value=10)}
LINEAR = Claim(
    id="linearisation",
    sentence="dynActivation linearises deep layers.",
    claimed="straighter",
    target=Target(above=0.0),
    preset="linearisation",
    reading="In networks of ten hidden layers and more: how straight activations are is the squared "
    "correlation of output with input; the fit is the variance that the best affine map of the network's "
    "input explains. Both are compared in hundredths.",
    asked=tuple(
        Asked(
            label=label,
            kind="difference",
            metric=metric,
            of=DEEP,
            against=DEEP_STATIC,
            contrast="straighter",
        )
        for label, metric in (
            ("straightness, all layers", "straightness"),
            ("straightness, last third", "straightness_deep"),
            ("affine fit, last third", "network_linear_fit_deep"),
        )
    ),
)
PERFORMANCE_KEPT = Claim(
    id="performance-kept",
    sentence="It does so while keeping performance.",
    claimed="no loss",
    target=Target(above=-0.5),
    preset="linearisation",
    reading="Kept means a loss of test accuracy of less than half a point, in the same networks.",
    asked=(
        Asked(
            label="accuracy, depth >= 10",
            kind="difference",
            metric="test_accuracy",
            of=DEEP,
            against=DEEP_STATIC,
            contrast="straighter",
        ),
    ),
)

CLAIMS = (
    EFFICIENCY,
    ATTENTION_CNN,
    AVERAGE,
    CONVERGENCE,
    NEVER_BELOW,
    RELU_COLLAPSES,
    ROBUSTNESS,
    PERPLEXITY_EARLY,
    PERPLEXITY_LATE,
    LINEAR,
    PERFORMANCE_KEPT,
)
