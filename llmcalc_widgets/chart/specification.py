"""What a small figure shows, written once for all that draw it: SVG in the page, and a still.

Places are from 0 to 1 along both axes. A colour is ``#RRGGBB`` or one of the page's theme: strong,
faint or back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """What is written along an axis.

    Attributes
    ----------
    title : str
        What the axis shows.
    places : sequence of float
        Where the ticks are.
    labels : sequence of str
        What is written at each.
    grid : bool
        Whether a line goes through the figure at each.
    bold : sequence of str
        Labels that stand out.
    """

    title: str
    places: Sequence[float]
    labels: Sequence[str]
    grid: bool = True
    bold: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Places joined by lines; the legend has it where it has a name."""

    x: Places
    y: Places
    colour: str = "strong"
    width: float = 1.6
    style: Literal["solid", "dashed", "dotted"] = "solid"
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots:
    """Circles, or diamonds, with what each says under the mouse."""

    x: Places
    y: Places
    fill: str
    edge: str
    diamond: bool = False
    titles: Sequence[str] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A filled rectangle, with what it says under the mouse."""

    corner: tuple[float, float]
    size: tuple[float, float]
    fill: str
    opacity: float = 1.0
    title: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Text at a place, which 'start', 'middle' or 'end' of it stands at."""

    place: tuple[float, float]
    text: str
    anchor: str = "middle"


Mark = Line | Dots | Box | Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """A figure.

    Attributes
    ----------
    across, up : Ticks
        Its axes.
    marks : sequence of Mark
        What is drawn, from below to above.
    """

    across: Ticks
    up: Ticks
    marks: Sequence[Mark]
