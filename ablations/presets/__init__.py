"""Studies that come with the package, as the YAML a user would write."""

from importlib import resources


def names() -> list[str]:
    """The presets there are."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def text(name: str) -> str:
    """A preset's YAML.

    Raises: KeyError for a name that is not among `names()`.
    """
    if name not in names():
        raise KeyError(name)
    return (resources.files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")
