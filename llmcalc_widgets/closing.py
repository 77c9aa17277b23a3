"""Closing a widget with everything it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bqplot import Lines, Scatter
from ipywidgets import HTML, Widget

_EMPTY: dict[str, Any] = {
    "children": [],
    "marks": [],
    "axes": [],
    "options": [],
    "_options_labels": [],
    "index": None,
}
"""State of widgets that show nothing, as the page takes it."""

_NO_NUMBERS = {"dtype": "float64", "shape": [0], "type": None}
"""An array beside its values, as bqplot writes it."""


def parts_of(root: Widget) -> list[Widget]:
    """Every open widget reachable from another through its open ones, itself included.

    Those in its traits: children, but also layouts, styles, scales, axes, marks and tooltips, which
    ``Widget.close_all`` apart nothing in ipywidgets closes.
    """
    found: dict[str, Widget] = {}
    waiting = [root]
    while waiting:
        widget = waiting.pop()
        if widget.comm is None or widget.model_id in found:
            continue
        found[widget.model_id] = widget
        for name in widget.keys:
            waiting.extend(_widgets_in(getattr(widget, name)))
    return list(found.values())


def close_all(parts: Iterable[Widget]) -> None:
    """Close widgets, after the page has let go of nearly all that they showed.

    JupyterLab keeps the model of a closed widget until the kernel ends, and through it every view:
    those of ipywidgets listen to the model and never stop. So all are emptied before, the inner
    ones first, as a view that its parent has dropped is told nothing any more.
    """
    closing = [part for part in parts if part.comm is not None]
    for part in reversed(closing):
        _empty(part)
    for part in closing:
        part.close()


def _empty(part: Widget) -> None:
    """Let the page show nothing of a widget; here, where others observe it, it stays as it is."""
    state = {name: nothing for name, nothing in _EMPTY.items() if name in part.keys}
    if isinstance(part, HTML):
        state["value"] = ""
    sides = ("x", "y") if isinstance(part, (Lines, Scatter)) else ()
    state |= dict.fromkeys(sides, _NO_NUMBERS)
    paths = [[side, "value"] for side in sides]
    update = {"method": "update", "state": state, "buffer_paths": paths}
    part.comm.send(data=update, buffers=[b"" for _ in paths])


def _widgets_in(value: object) -> Iterator[Widget]:
    """Widgets in a trait's value, however deep in lists, tuples and dicts."""
    if isinstance(value, Widget):
        yield value
    elif isinstance(value, dict):
        yield from _widgets_among(value.values())
    elif isinstance(value, (list, tuple)):
        yield from _widgets_among(value)


def _widgets_among(values: Iterable[object]) -> Iterator[Widget]:
    for value in values:
        yield from _widgets_in(value)
