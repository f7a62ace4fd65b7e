"""Colours that colour-blind readers tell apart, for the page (light and dark) and for paper.

Source: Okabe and Ito, "Color universal design" (2008); yellow is left out, it is lost on white.
"""

from dataclasses import dataclass

HUES = ("ink", "blue", "vermillion", "green", "purple", "orange", "sky")
LIGHT = {
    "ink": "#24292f",
    "muted": "#656d76",
    "grid": "#e4e7eb",
    "surface": "#ffffff",
    "blue": "#0072b2",
    "vermillion": "#d55e00",
    "green": "#009e73",
    "purple": "#b65f92",
    "orange": "#e69f00",
    "sky": "#56b4e9",
}
DARK = {
    "ink": "#e6e8eb",
    "muted": "#9aa3ad",
    "grid": "#2b3138",
    "surface": "#14171a",
    "blue": "#4ba3e3",
    "vermillion": "#f0803c",
    "green": "#2fc08f",
    "purple": "#dd95bd",
    "orange": "#f0b429",
    "sky": "#8fd0f7",
}
VERDICT_COLOUR = {
    "better": "green",
    "worse": "vermillion",
    "equivalent": "blue",
    "not worse": "blue",
    "inconclusive": "muted",
}
VERDICT_SIGN = {"better": "▲", "worse": "▼", "equivalent": "=", "not worse": "≥", "inconclusive": "?"}
Dash = tuple[float, tuple[float, ...]]
DASHES: tuple[Dash, ...] = ((0, ()), (0, (4, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
SEQUENTIAL = ("#fff7e3", "#fbd58a", "#f2a33c", "#cf6a1d", "#8c3a17", "#45190f")
DIVERGING = ("#b34700", "#e8935a", "#f7d9c4", "#f6f6f6", "#c3ddef", "#5a9fd0", "#005a8f")


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A colour for each role; on the page it is a placeholder that becomes a CSS variable."""

    colours: dict[str, str]

    def hue(self, index: int) -> str:
        return self.colours[HUES[index % len(HUES)]]

    def __getitem__(self, role: str) -> str:
        return self.colours[role]


PAPER = Theme(colours=LIGHT)
# Colours nobody would choose: after drawing, each is exchanged for its variable.
PAGE = Theme(colours={role: f"#01fe{i:02x}" for i, role in enumerate(LIGHT)})


def use_variables(svg: str) -> str:
    """Exchange the page theme's placeholders for CSS variables, so that one drawing serves both modes."""
    for role, colour in PAGE.colours.items():
        svg = svg.replace(colour, f"var(--{role})")
    return svg


def variables(colours: dict[str, str]) -> str:
    """The colours as CSS declarations."""
    return " ".join(f"--{role}: {colour};" for role, colour in colours.items())
