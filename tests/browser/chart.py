"""Look at, click and brush a bqplot scatter as a person with a mouse would."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from playwright.sync_api import Locator, Page

FIGURE = ".bqplot.figure"
_MARKS = "svg.svg-figure .plotarea_events + g"  # one child per mark of the figure
_POINTS = ":scope > .object_grp > path.dot"  # one per point of a scatter
_BRUSH_OVERLAY = "rect.overlay"
_IS_POINT = "([x, y]) => document.elementFromPoint(x, y)?.matches('path.dot')"
_DETAILS = "() => [...document.querySelectorAll('.llmcalc-details')].map(e => e.innerText).join()"
_CLICKS, _CLICK_LOOKS = 3, 30

_STEADY_TRIES = 100
_STEADY_MS = 100
_STEADY_LOOKS = 5
"""As often in a row the points must be where they were: words around the chart may move it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A scatter's mark: its position in the scatter's arrays and its centre on the page [px]."""

    index: int
    x: float
    y: float


def figure(page: Page, number: int = 0) -> Locator:
    """Return the page's figure with this number, counted from 0, scrolled into view."""
    found = page.locator(FIGURE).nth(number)
    found.wait_for()
    found.scroll_into_view_if_needed()
    return found


def scatter_points(figure: Locator, mark: int = 0) -> list[Point]:
    """Return where the points of a scatter are now.

    Parameters
    ----------
    figure : Locator
        The figure, from :func:`figure`.
    mark : int, optional
        The scatter's position in ``Figure.marks``, where marks of every kind count.

    Returns
    -------
    list of Point
        In the order of the scatter's arrays; empty while nothing is drawn.
    """
    centres = figure.evaluate(
        """(figure, [marks, mark, points]) => {
            const drawn = figure.querySelector(marks)?.children[mark];
            return [...drawn?.querySelectorAll(points) ?? []].map(point => {
                const box = point.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            });
        }""",
        [_MARKS, mark, _POINTS],
    )
    return [Point(index=index, x=x, y=y) for index, (x, y) in enumerate(centres)]


def steady_points(figure: Locator, mark: int = 0) -> list[Point]:
    """Return a scatter's points, as :func:`scatter_points`, once they are drawn and at rest.

    Raises
    ------
    TimeoutError
        Where they are still moving, or none is drawn, after some seconds.
    """
    seen: list[Point] = []
    looks = 0
    for _ in range(_STEADY_TRIES):
        now = scatter_points(figure, mark)
        looks = looks + 1 if now and now == seen else 1
        if looks == _STEADY_LOOKS:
            return now
        seen = now
        figure.page.wait_for_timeout(_STEADY_MS)
    message = f"mark {mark} has {len(seen)} points, which do not come to rest"
    raise TimeoutError(message)


def axis_texts(figure: Locator) -> list[list[str]]:
    """Return the texts at the ticks of each axis, in the order of ``Figure.axes``."""
    texts: list[list[str]] = figure.evaluate(
        """figure => [...figure.querySelectorAll("g.axis")].map(
            axis => [...axis.querySelectorAll(".tick text")].map(text => text.textContent))"""
    )
    return texts


def loneliest(points: list[Point]) -> Point:
    """Return the point that is farthest from every other, so that no other can take its click."""
    return max(
        points,
        key=lambda own: min(
            hypot(own.x - other.x, own.y - other.y) for other in points if other != own
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A filled line: the corners of its box on the page [px], and how opaque its inside is."""

    left: float
    top: float
    right: float
    bottom: float
    opacity: float


def filled_area(figure: Locator, mark: int, curve: int = 0) -> Area:
    """Return what one curve of the lines at this place in ``Figure.marks`` fills."""
    left, top, right, bottom, opacity = figure.evaluate(
        """(figure, [marks, mark, curve]) => {
            const lines = figure.querySelector(marks).children[mark].querySelectorAll("path.line");
            const line = lines[curve];
            const box = line.getBoundingClientRect(), style = getComputedStyle(line);
            const opacity = style.fill === "none" ? 0 : style.opacity * style.fillOpacity;
            return [box.left, box.top, box.right, box.bottom, opacity];
        }""",
        [_MARKS, mark, curve],
    )
    return Area(left=left, top=top, right=right, bottom=bottom, opacity=opacity)


def click_point(figure: Locator, point: Point) -> None:
    """Move to a point, so that its tooltip shows, and click it until its plan is shown.

    A busy page may lose a click; that no tooltip takes one is tested by itself.
    """
    page = figure.page
    before = page.evaluate(_DETAILS)
    for _ in range(_CLICKS):
        page.mouse.move(point.x - 3, point.y)
        page.wait_for_function(_IS_POINT, arg=[point.x, point.y])
        page.mouse.click(point.x, point.y)
        for _ in range(_CLICK_LOOKS):
            page.wait_for_timeout(_STEADY_MS)
            if page.evaluate(_DETAILS) != before:
                return


def drag_brush(figure: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a brush from one place on the page to another, both in [px].

    The figure's ``interaction`` is a ``BrushSelector``. Its overlay, which takes the mouse, comes a
    moment after the kernel has set it, so this waits for it. It lies above the marks: a brush may
    start on a point.
    """
    figure.locator(_BRUSH_OVERLAY).wait_for()
    mouse = figure.page.mouse
    (x0, y0), (x1, y1) = start, end
    mouse.move(x0, y0)
    mouse.down()
    mouse.move((x0 + x1) / 2, (y0 + y1) / 2, steps=4)
    mouse.move(x1, y1, steps=4)
    mouse.up()


def brush_around(figure: Locator, points: list[Point], margin: float = 8) -> None:
    """Brush the rectangle that holds these points with a margin [px] on every side."""
    across = [point.x for point in points]
    down = [point.y for point in points]
    drag_brush(
        figure,
        (min(across) - margin, min(down) - margin),
        (max(across) + margin, max(down) + margin),
    )
