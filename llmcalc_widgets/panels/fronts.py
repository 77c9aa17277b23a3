"""Two fronts in one drawing, told apart by line, marks and names, not by colour alone."""

from __future__ import annotations

import numpy as np

from llmcalc_widgets.chart.figures import steps
from llmcalc_widgets.chart.palette import PALETTE
from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.chart.ticks import Ends, limits
from llmcalc_widgets.panels import svg
from llmcalc_widgets.panels.log_field import HEIGHT, WIDTH, LogField, Place
from llmcalc_widgets.text.wording import plans_words

BEFORE_COLOUR, AFTER_COLOUR = "var(--c-faint)", PALETTE[5]
_RADIUS = 3.2
_DIAMOND = 7


def fronts(before: Scene, after: Scene) -> str:
    """Draw the fronts before and after a change; the axes are those of both scenes.

    Returns
    -------
    str
        SVG; empty where there is no plan on either.
    """
    if not (len(before.front) or len(after.front)):
        return ""
    ends = ends_of(before, after)
    field = LogField(across=ends[0], up=ends[1])
    across, up = before.axes
    label = f"Pareto fronts before and after: {up.label} over {across.label}"
    shapes = [
        *field.axes(across.label, up.label),
        *_front(before, field, "before"),
        *_front(after, field, "after"),
    ]
    return svg.svg(WIDTH, HEIGHT, shapes, label=label)


def ends_of(before: Scene, after: Scene) -> tuple[Ends, Ends]:
    """Give ends of the axes that show both fronts."""
    across, up = (
        Ends(*limits(np.concatenate([scene.figures[at][scene.front] for scene in (before, after)])))
        for at in (0, 1)
    )
    return across, up


def _front(scene: Scene, field: LogField, name: str) -> list[str]:
    """Draw a front as steps with a mark at each plan, and a diamond around the recommended one."""
    if not len(scene.front):
        return []
    figures = [one[scene.front].tolist() for one in scene.figures]
    places = [field.place(*pair) for pair in zip(*figures, strict=True)]
    x, y = (np.array(one) for one in zip(*places, strict=True))
    line = zip(*steps(x, y, level_first=scene.axes[0].small), strict=True)
    told = plans_words(scene.evaluation, scene.front)
    colour = AFTER_COLOUR if name == "after" else "var(--c-back)"
    marks = [
        svg.dot(place, _RADIUS, colour, f"{name}: {words}")
        for place, words in zip(places, told, strict=True)
    ]
    group = [svg.path([*line], "front"), *marks]
    recommended = scene.evaluation.recommended
    if recommended is not None:
        own = field.place(*(float(one[recommended]) for one in scene.figures))
        group.append(svg.path(_diamond(own), "best"))
    return [f'<g class="{name}">{"".join(group)}</g>']


def _diamond(place: Place) -> list[Place]:
    x, y = place
    corners = ((0, -1), (1, 0), (0, 1), (-1, 0), (0, -1))
    return [(x + _DIAMOND * right, y + _DIAMOND * down) for right, down in corners]
