"""Small drawings as SVG, in the colours of the page, and the table that says the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from llmcalc_widgets.elements.assets import read_asset

PANEL_STYLE = f"<style>{read_asset('llmcalc_widgets.panels', 'panels.css')}</style>"
"""Of drawings and of the tables beside them; to stand before them."""


def svg(width: int, height: int, shapes: Iterable[str], *, label: str) -> str:
    """Put shapes into a drawing that is as wide as its place, with what it shows in words."""
    return (
        f'<svg class="llmcalc-drawing" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(label)}">{"".join(shapes)}</svg>'
    )


def line(start: tuple[float, float], end: tuple[float, float], style: str) -> str:
    """Draw a line; ``style`` is a class.

    Examples
    --------
    >>> line((0, 1), (2.25, 3), "grid")
    '<line class="grid" x1="0.0" y1="1.0" x2="2.2" y2="3.0"/>'
    """
    return (
        f'<line class="{style}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" '
        f'x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'
    )


def path(points: Sequence[tuple[float, float]], style: str) -> str:
    """Join points by lines."""
    places = "L".join(f"{across:.1f} {down:.1f}" for across, down in points)
    return f'<path class="{style}" d="M{places}"/>'


def box(
    corner: tuple[float, float], size: tuple[float, float], colour: str, title: str = ""
) -> str:
    """Draw a filled rectangle, with words that show under the mouse."""
    return (
        f'<rect x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{size[0]:.1f}" '
        f'height="{size[1]:.1f}" fill="{colour}">{_title(title)}</rect>'
    )


def dot(place: tuple[float, float], radius: float, colour: str, title: str = "") -> str:
    """Draw a filled circle, with words that show under the mouse."""
    return (
        f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{radius:.1f}" fill="{colour}">'
        f"{_title(title)}</circle>"
    )


def words(place: tuple[float, float], text: str, *, anchor: str = "middle", style: str = "") -> str:
    """Write at a place: 'start', 'middle' or 'end' says which part of the text is there."""
    return (
        f'<text class="{style}" x="{place[0]:.1f}" y="{place[1]:.1f}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def upright(place: tuple[float, float], text: str) -> str:
    """Write from the bottom to the top, around a place."""
    across, down = place
    return (
        f'<text transform="translate({across:.1f} {down:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(text)}</text>"
    )


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


def data_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write what a drawing shows as a table to unfold, whose first column names its rows.

    Examples
    --------
    >>> data_table(["Batch", "Used"], [["8", "20 GB"]]).count("<td>")
    1
    """
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(one)}</td>" for one in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return (
        '<details class="llmcalc-facts"><summary>As a table</summary>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )
