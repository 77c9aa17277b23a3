"""Changes of many widgets that reach the page together: the drawing first, its words after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import sleep
from typing import Any

from anywidget import AnyWidget
from ipywidgets import Widget

_LISTENING = "listening"
_SCRIPT = """
const LONGEST_MS = 250;  // frames don't come where nobody looks

const frame = () => new Promise(requestAnimationFrame);
const task = () => new Promise((resolve) => {
  const channel = new MessageChannel();
  channel.port1.onmessage = resolve;
  channel.port2.postMessage(null);
});
const painted = () => Promise.race([
  frame().then(frame).then(task),
  new Promise((resolve) => setTimeout(resolve, LONGEST_MS)),
]);

export default {
  initialize({ model }) {
    const manager = model.widget_manager;
    if (!manager?.has_model) return;
    async function deliver(id, data, buffers, ready) {
      const addressee = await manager.get_model(id);
      addressee.state_change = addressee.state_change.then(() => ready);
      addressee._handle_comm_msg({ content: { data }, buffers });
    }
    model.on("msg:custom", ({ late, updates }, buffers) => {
      const ready = late ? painted() : undefined;
      let at = 0;
      for (const [id, data] of updates) {
        const own = buffers.slice(at, (at += data.buffer_paths.length));
        if (manager.has_model(id)) deliver(id, data, own, ready);
      }
    });
    model.send("LISTENING");
  },
};
""".replace("LISTENING", _LISTENING)

_HANDOVER_S = 0.001
"""A moment for the thread that writes to the page, which would wait five times as long [s].

Python's threads take turns every 5 ms (``sys.getswitchinterval``), and the words are next.
"""

_Take = Callable[[Mapping[str, Any], Sequence[Any]], bool]


class Courier(AnyWidget):
    """Takes the updates of several widgets to the page as one message.

    JupyterLab handles each message of a kernel in a task of its own, a few milliseconds long, and
    may paint between any two. What one message brings is set in one task instead. A message that is
    late waits in the page until the frame before it is painted: the words around a chart would hold
    it up. What a widget gets in the meantime waits behind it (``state_change``).

    Updates go as ipywidgets sends them until a page says that it listens, and where none does.
    """

    _esm = _SCRIPT

    def __init__(self) -> None:
        super().__init__()
        self._brought: dict[str, Widget] = {}
        self._parcel: _Parcel | None = None
        self._heard = False
        self.on_msg(self._hear)

    def carry(self, widgets: Iterable[Widget]) -> None:
        """Take along what these widgets send while a parcel is open."""
        for widget in widgets:
            widget.comm = _Comm(widget.comm, partial(self._take, widget))

    @contextmanager
    def together(self, *, late: bool = False) -> Iterator[None]:
        """Send the updates made inside as one message.

        Parameters
        ----------
        late : bool
            Whether they wait until the page has painted what came before.
        """
        if not self._heard or self._parcel is not None:
            yield
            return
        parcel = self._parcel = _Parcel()
        try:
            yield
        finally:
            self._parcel = None
            if parcel.updates:
                self.send({"late": late, "updates": parcel.updates}, parcel.buffers)
                if not late:
                    sleep(_HANDOVER_S)

    def _take(self, widget: Widget, data: Mapping[str, Any], buffers: Sequence[Any]) -> bool:
        """Put an update into the open parcel, if one is; say whether it went there."""
        if self._parcel is None or data["method"] != "update":
            return False
        self._brought[widget.model_id] = widget
        self._parcel.updates.append((widget.model_id, data))
        self._parcel.buffers.extend(buffers)
        return True

    def _hear(self, _: Widget, content: object, __: object) -> None:
        """Learn that a page listens; one that comes later may have missed some parcels."""
        if content != _LISTENING:
            return
        if self._heard:
            for widget in self._brought.values():
                if widget.comm is not None:
                    widget.send_state()
        self._heard = True


@dataclass(slots=True)
class _Parcel:
    updates: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=list)


class _Comm:
    """A widget's comm, some of whose messages are taken another way."""

    def __init__(self, comm: Any, take: _Take) -> None:  # noqa: ANN401 - of several libraries
        self._comm, self._take = comm, take

    def send(self, data: Any = None, metadata: Any = None, buffers: Any = None) -> None:  # noqa: ANN401 - JSON
        """Send a message, unless it is taken."""
        if not self._take(data, buffers or []):
            self._comm.send(data=data, metadata=metadata, buffers=buffers)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the comm's own
        return getattr(self._comm, name)
