"""Closing a widget with everything it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from anywidget import AnyWidget
from ipywidgets import Widget

from llmcalc_widgets.elements.page import read_asset


class Disposal(AnyWidget):
    """The page's side of closing widgets: it lets go of them for good.

    JupyterLab 4.6 keeps every comm that was ever open while the kernel lives: its ``CommHandler``
    listens to the kernel's status and never stops. The comm holds the widget's model
    (``_handle_comm_closed`` is bound to it), and the model every view of it: ``WidgetView`` of
    ipywidgets says ``model.on("msg:custom", ...)``, and its ``remove`` doesn't take it back. So the
    script here does as ``_handle_comm_closed`` does, and takes both listeners off the comm.
    """

    # As text: anywidget holds every widget whose script is a path.
    _esm = read_asset("llmcalc_widgets.transport", "disposal.js")

    def close_all(self, whole: Widget, parts: Iterable[Widget]) -> None:
        """Close a widget's parts and this, after the page was told to let go of them and of it."""
        own = [self.layout, self]
        closing = [part for part in dict.fromkeys([*parts, *own]) if part.comm is not None]
        self.send([part.model_id for part in dict.fromkeys([*closing, whole])])
        for part in closing:
            if part is not whole:
                part.close()


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
