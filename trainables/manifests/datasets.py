"""The image sets that come with this package or are fetched by it, by name."""

from trainables.manifests.component import Component

DATASETS = (
    Component(kind="dataset", name="digits-5k", summary="5,000 MNIST digits, 28x28; always there"),
    Component(kind="dataset", name="mnist", summary="70,000 digits, 28x28"),
    Component(kind="dataset", name="fashion-mnist", summary="70,000 pieces of clothing, 28x28"),
    Component(kind="dataset", name="cifar10", summary="60,000 colour images of 10 classes, 32x32"),
    Component(kind="dataset", name="cifar100", summary="60,000 colour images of 100 classes, 32x32"),
)
