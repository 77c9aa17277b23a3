"""Closing a widget with everything it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bqplot import Figure
from ipywidgets import HTML, Combobox, Widget


def parts_of(root: Widget) -> list[Widget]:
    """Every widget reachable from another through its traits, itself included.

    Children, but also layouts, styles, scales, axes, marks and tooltips, which
    ``Widget.close_all`` apart nothing in ipywidgets closes.
    """
    found: dict[str, Widget] = {}
    waiting = [root]
    while waiting:
        widget = waiting.pop()
        if widget.model_id is None or widget.model_id in found:
            continue
        found[widget.model_id] = widget
        for name in widget.keys:
            waiting.extend(_widgets_in(getattr(widget, name)))
    return list(found.values())


def close_all(parts: Iterable[Widget]) -> None:
    """Close widgets, after all that show much are empty.

    JupyterLab keeps what a closed widget showed until the kernel ends.
    """
    closing = list(parts)
    for part in closing:
        if isinstance(part, HTML):
            part.value = ""
        elif isinstance(part, Combobox):
            part.options = ()
        elif isinstance(part, Figure):
            part.marks = []
    for part in closing:
        part.close()


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
