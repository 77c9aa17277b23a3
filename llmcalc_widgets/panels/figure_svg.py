"""A figure's specification as SVG, in the colours of the page."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from llmcalc_widgets.chart.specification import Box, Dots, Line, Mark, Specification, Words
from llmcalc_widgets.panels import svg
from llmcalc_widgets.panels.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Place

_RADIUS, _DIAMOND = 3.2, 7
_DASHES = {"dashed": "5 3", "dotted": "2 3"}
_ABOVE = 34
"""Room for words above the upper end of the axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where places from 0 to 1 are in a drawing [pixels]."""

    top: float = TOP

    @property
    def wide(self) -> float:
        """Its width."""
        return WIDTH - LEFT - RIGHT

    @property
    def high(self) -> float:
        """Its height."""
        return HEIGHT - BOTTOM - self.top

    def place(self, x: float, y: float) -> Place:
        """Give the place of a pair.

        Examples
        --------
        >>> Field().place(0, 0), Field().place(1, 1)
        ((62.0, 284.0), (468.0, 14.0))
        """
        return float(LEFT + x * self.wide), float(HEIGHT - BOTTOM - y * self.high)


def figure_svg(shown: Specification, *, label: str) -> str:
    """Draw a figure.

    Parameters
    ----------
    shown : Specification
        What it shows.
    label : str
        The same in words.
    """
    above = any(isinstance(mark, Words) and mark.place[1] > 1 for mark in shown.marks)
    field = Field(top=_ABOVE if above else TOP)
    shapes = [*_axes(shown, field), *(_drawn(mark, field) for mark in shown.marks)]
    return svg.svg(WIDTH, HEIGHT, shapes, label=label)


def _axes(shown: Specification, field: Field) -> list[str]:
    across, up = shown.across, shown.up
    shapes = []
    for at, text in zip(across.places, across.labels, strict=True):
        x, bottom = field.place(at, 0)
        if across.grid:
            shapes.append(svg.line((x, bottom), field.place(at, 1), "grid"))
        style = "number" if text in across.bold else ""
        shapes.append(svg.words((x, bottom + 16), text, style=style))
    for at, text in zip(up.places, up.labels, strict=True):
        left, y = field.place(0, at)
        if up.grid:
            shapes.append(svg.line((left, y), field.place(1, at), "grid"))
        shapes.append(svg.words((left - 6, y + 4), text, anchor="end"))
    x, y = field.place(0.5, 0.5)
    return [*shapes, svg.words((x, HEIGHT - 8), across.title), svg.upright((14, y), up.title)]


def _drawn(mark: Mark, field: Field) -> str:
    match mark:
        case Line():
            return _line(mark, field)
        case Dots():
            return "".join(_dots(mark, field))
        case Box():
            return _box(mark, field)
        case Words():
            place = field.place(*mark.place)
            return svg.words(place, mark.text, anchor=mark.anchor, style="number")


def _line(mark: Line, field: Field) -> str:
    points = (field.place(x, y) for x, y in zip(mark.x, mark.y, strict=True))
    joined = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dashes = f' stroke-dasharray="{_DASHES[mark.style]}"' if mark.style in _DASHES else ""
    return (
        f'<path fill="none" stroke="{_colour(mark.colour)}" stroke-width="{mark.width:g}"'
        f'{dashes} d="M{joined}"/>'
    )


def _dots(mark: Dots, field: Field) -> list[str]:
    titles = mark.titles or [""] * len(mark.x)
    ends = f'fill="{_colour(mark.fill)}" style="stroke:{_colour(mark.edge)};stroke-width:1.4"'
    shapes = []
    for x, y, words in zip(mark.x, mark.y, titles, strict=True):
        across, down = field.place(float(x), float(y))
        title = f"<title>{escape(words)}</title>" if words else ""
        if mark.diamond:
            size = _DIAMOND
            shape = f"M{across:.1f} {down - size:.1f}l{size} {size}l-{size} {size}l-{size} -{size}Z"
            shapes.append(f'<path {ends} d="{shape}">{title}</path>')
        else:
            at = f'cx="{across:.1f}" cy="{down:.1f}" r="{_RADIUS}"'
            shapes.append(f"<circle {at} {ends}>{title}</circle>")
    return shapes


def _box(mark: Box, field: Field) -> str:
    (left, bottom), (wide, high) = mark.corner, mark.size
    corner = field.place(left, bottom + high)
    size = wide * field.wide, high * field.high
    return svg.box(corner, size, _colour(mark.fill), mark.title)


def _colour(name: str) -> str:
    return name if name.startswith("#") or name == "none" else f"var(--c-{name})"
