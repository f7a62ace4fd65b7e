"""Mean curves as a picture: what is drawn is the mean over seeds, and no label can be markup."""

import math
import re
import statistics

from service.web.curves import HEIGHT, MAX_ARMS, WIDTH, draw, mean_curve

ONE, OTHER = [(0, 1.0), (1, 2.0), (2, 4.0)], [(0, 3.0), (1, None), (2, 6.0)]


def test_means_are_over_the_seeds_that_have_a_value() -> None:
    curve = mean_curve("a", [ONE, OTHER])
    assert [(step, mean, num) for step, mean, _, num in curve.points] == [
        (0, 2.0, 2),
        (1, 2.0, 1),
        (2, 5.0, 2),
    ]
    spreads = [spread for _, _, spread, _ in curve.points]
    assert spreads[0] == statistics.stdev([1.0, 3.0]) and math.isnan(spreads[1])


def test_every_point_lies_in_the_picture_and_higher_is_above() -> None:
    svg = str(draw("loss", {"a": [ONE], "b": [OTHER, [(0, 1e300), (2, -1e300)]]}))
    points = [
        tuple(map(float, pair.split(",")))
        for line in re.findall(r'points="([^"]+)"', svg)
        for pair in line.split()
    ]
    assert points and all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    (line,) = re.findall(r'polyline points="([^"]+)"', str(draw("loss", {"a": [ONE]})))
    heights = [float(pair.split(",")[1]) for pair in line.split()]
    assert heights == sorted(heights, reverse=True)


def test_labels_are_text_and_many_arms_are_said_to_be_more() -> None:
    svg = str(draw("<m>", {f"<b>{n}": [ONE] for n in range(MAX_ARMS + 3)}))
    assert "<b>" not in svg and "<m>" not in svg and "&lt;b&gt;0" in svg
    assert f"The first {MAX_ARMS} of {MAX_ARMS + 3} arms." in svg


def test_nothing_is_drawn_of_single_points_or_constants_badly() -> None:
    assert not draw("m", {}) and not draw("m", {"a": [[(0, 1.0)]], "b": [[(0, None), (1, math.nan)]]})
    assert "polyline" in draw("m", {"a": [[(0, 1.0), (1, 1.0)]]})
