"""Changes of many widgets that reach the page together: the drawing first, its words after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import get_ident
from time import sleep
from typing import Any

from anywidget import AnyWidget
from ipywidgets import Widget

from llmcalc_widgets.elements.page import read_asset

_LISTENING, _NOT_SET = "listening", "not set"
"""What the script says once it is there, and when it could not set what a message brought."""

_HANDOVER_S = 0.001
"""A moment for the thread that writes to the page, which would wait five times as long [s].

Python's threads take turns every 5 ms (``sys.getswitchinterval``), and the words are next.
"""

_Put = Callable[[Mapping[str, Any], Sequence[Any]], bool]


class BatchedMessages(AnyWidget):
    """Takes the updates of several widgets to the page as one message.

    JupyterLab handles each message of a kernel in a task of its own, a few milliseconds long, and
    may paint between any two. What one message brings is set in one task instead. A message that is
    late waits in the page until the frame before it is painted: the words around a chart would hold
    it up. What a widget gets in the meantime waits behind it (``state_change``).

    Updates go as ipywidgets sends them until a page says that it listens, and where none does; and
    for good once a page could not set what came, which is then sent again.
    """

    # As text: anywidget holds every widget whose script is a path.
    _esm = read_asset("llmcalc_widgets.transport", "batched_messages.js")

    def __init__(self) -> None:
        super().__init__()
        self._sent: dict[str, Widget] = {}
        self._batch: _Batch | None = None
        self._page_listens = self._plain = False
        self.on_msg(self._listen)

    def include(self, widgets: Iterable[Widget]) -> None:
        """Send what these widgets send in the batch that is open, if one is."""
        for widget in widgets:
            widget.comm = _Comm(widget.comm, partial(self._put, widget))

    @contextmanager
    def one_message(self, *, late: bool = False) -> Iterator[None]:
        """Send the updates made inside as one message.

        Parameters
        ----------
        late : bool
            Whether they wait until the page has painted what came before.
        """
        if self._plain or not self._page_listens or self._batch is not None:
            yield
            return
        batch = self._batch = _Batch()
        try:
            yield
        finally:
            self._batch = None
            if batch.updates:
                self.send({"late": late, "updates": batch.updates}, batch.buffers)
                if not late:
                    sleep(_HANDOVER_S)

    def _put(self, widget: Widget, data: Mapping[str, Any], buffers: Sequence[Any]) -> bool:
        """Put an update into the open batch, if one is; say whether it went there."""
        if self._batch is None or self._batch.thread != get_ident() or data["method"] != "update":
            return False
        self._sent[widget.model_id] = widget
        self._batch.updates.append((widget.model_id, data))
        self._batch.buffers.extend(buffers)
        return True

    def _listen(self, _: Widget, content: object, __: object) -> None:
        """Learn that a page listens; one that comes later may have missed some batches.

        One that could not set a batch has missed it, too, and would the next.
        """
        if content == _NOT_SET:
            self._send_again()
            self._plain = True
        elif content == _LISTENING:
            if self._page_listens:
                self._send_again()
            self._page_listens = True

    def _send_again(self) -> None:
        """Send what went in batches as ipywidgets does: the present state of each widget."""
        if self._plain:
            return
        for widget in self._sent.values():
            if widget.comm is not None:
                widget.send_state()


@dataclass(slots=True)
class _Batch:
    thread: int = field(default_factory=get_ident)
    updates: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=list)


class _Comm:
    """A widget's comm, some of whose messages go into a batch."""

    def __init__(self, comm: Any, put: _Put) -> None:  # noqa: ANN401 - of several libraries
        self._comm, self._put = comm, put

    def send(self, data: Any = None, metadata: Any = None, buffers: Any = None) -> None:  # noqa: ANN401 - JSON
        """Send a message, unless it goes into a batch."""
        if not self._put(data, buffers or []):
            self._comm.send(data=data, metadata=metadata, buffers=buffers)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the comm's own
        return getattr(self._comm, name)
