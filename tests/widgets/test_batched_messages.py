"""What leaves the kernel: a drawing as one message, and its words as another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import comm
import ipywidgets
import pytest
from ipywidgets import HTML, IntSlider, Widget

from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.transport.batched_messages import BatchedMessages


@dataclass
class Wire:
    """Messages of widgets, by the widget, in the order in which they left the kernel."""

    sent: list[tuple[Widget, dict[str, Any], list[Any]]] = field(default_factory=list)

    def updates_of(self, widget: Widget) -> list[dict[str, Any]]:
        """What a widget itself has sent of its state."""
        return [
            data["state"]
            for sender, data, _ in self.sent
            if sender is widget and data["method"] == "update"
        ]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()

    class Recorded(comm.DummyComm):
        def publish_msg(self, msg_type: str, *_: Any, **message: Any) -> None:
            if msg_type == "comm_msg":
                sender = ipywidgets.widgets.widget._instances[self.comm_id]
                wire.sent.append((sender, message["data"], message["buffers"] or []))

    monkeypatch.setattr(comm, "create_comm", Recorded)
    return wire


@pytest.fixture
def batched(wire: Wire) -> Iterator[tuple[BatchedMessages, HTML, IntSlider]]:
    """A messages that a page has heard of, and two widgets that it carries."""
    messages, words, slider = BatchedMessages(), HTML(), IntSlider()
    messages.include([words, slider])
    listen(messages)
    wire.sent.clear()
    yield messages, words, slider
    for widget in (messages, words, slider):
        widget.close()


def listen(messages: BatchedMessages) -> None:
    """Have a page say that it listens."""
    said = {"method": "custom", "content": "listening"}
    messages.comm.handle_msg({"content": {"data": said}, "buffers": []})


def batches(
    wire: Wire, messages: BatchedMessages
) -> list[tuple[bool, list[tuple[str, dict[str, Any]]]]]:
    """Whether each message of the messages is late, and the states in it, by their model."""
    return [
        (
            data["content"]["late"],
            [(model_id, update["state"]) for model_id, update in data["content"]["updates"]],
        )
        for sender, data, _ in wire.sent
        if sender is messages
    ]


def test_what_changes_together_is_one_message(
    wire: Wire, batched: tuple[BatchedMessages, HTML, IntSlider]
) -> None:
    messages, words, slider = batched
    with messages.one_message():
        words.value = "first"
        with slider.hold_sync():
            slider.max, slider.value = 200, 150
    with messages.one_message(late=True):
        words.value = "second"
    assert batches(wire, messages) == [
        (
            False,
            [(words.model_id, {"value": "first"}), (slider.model_id, {"max": 200, "value": 150})],
        ),
        (True, [(words.model_id, {"value": "second"})]),
    ]
    assert len(wire.sent) == 2


def test_alone_and_in_no_parcel_a_widget_sends_itself(
    wire: Wire, batched: tuple[BatchedMessages, HTML, IntSlider]
) -> None:
    messages, words, _ = batched
    other = HTML()
    words.value = "alone"
    with messages.one_message():
        other.value = "not batched"
        words.send({"no": "update"})
    with messages.one_message():
        pass
    assert [sender for sender, *_ in wire.sent] == [words, other, words]
    other.close()


def test_a_parcel_in_a_parcel_is_part_of_it(
    wire: Wire, batched: tuple[BatchedMessages, HTML, IntSlider]
) -> None:
    messages, words, slider = batched
    with messages.one_message():
        words.value = "outside"
        with messages.one_message(late=True):
            slider.value = 3
    assert batches(wire, messages) == [
        (False, [(words.model_id, {"value": "outside"}), (slider.model_id, {"value": 3})])
    ]


def test_what_changed_before_an_error_is_sent(
    wire: Wire, batched: tuple[BatchedMessages, HTML, IntSlider]
) -> None:
    messages, words, _ = batched

    def change_and_fail() -> None:
        with messages.one_message():
            words.value = "changed"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    words.value = "alone"
    assert batches(wire, messages) == [(False, [(words.model_id, {"value": "changed"})])]
    assert wire.updates_of(words) == [{"value": "alone"}]


def test_a_page_that_comes_later_gets_what_it_may_have_missed(
    wire: Wire, batched: tuple[BatchedMessages, HTML, IntSlider]
) -> None:
    messages, words, slider = batched
    closed = HTML()
    messages.include([closed])
    with messages.one_message():
        words.value = closed.value = "brought"
    closed.close()
    wire.sent.clear()
    listen(messages)
    (state,) = wire.updates_of(words)
    assert state["value"] == "brought"
    assert [sender for sender, *_ in wire.sent] == [words]
    assert wire.updates_of(slider) == []


def test_an_explorer_draws_with_one_message_and_speaks_with_another(wire: Wire) -> None:
    explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=4, phase="decode")
    chart = explorer.chart
    plot, words, said = chart.plot, chart._status, chart._said
    wire.sent.clear()
    explorer.devices = 2
    assert len(wire.updates_of(plot.candidates)) == len(wire.updates_of(words)) == 1
    listen(explorer._messages)
    wire.sent.clear()
    explorer.devices = 8
    (drawn_late, drawn), (written_late, written) = batches(wire, explorer._messages)
    assert (drawn_late, written_late) == (False, True)
    assert {plot.candidates.model_id, plot.front.model_id} <= {model_id for model_id, _ in drawn}
    assert (words.model_id, {"value": words.value}) in written
    (sent,) = (each for each in wire.sent if each[0] is explorer._messages and each[2])
    arrays = sum(len(update["buffer_paths"]) for _, update in sent[1]["content"]["updates"])
    assert len(sent[2]) == arrays > 0
    wire.sent.clear()
    explorer.select(0)
    ((late, pointed),) = batches(wire, explorer._messages)
    assert not late
    assert {plot.selected.model_id, said.model_id} <= {model_id for model_id, _ in pointed}
    explorer.close()


def test_a_page_that_cannot_set_a_batch_gets_plain_messages(
    wire: Wire, batched: tuple[BatchedMessages, HTML, IntSlider]
) -> None:
    messages, words, slider = batched
    with messages.one_message(late=True):
        words.value, slider.value = "never set", 3
    assert wire.updates_of(words) == []
    said = {"method": "custom", "content": "not set"}
    for _ in range(2):  # it says so of each batch that was on its way
        messages.comm.handle_msg({"content": {"data": said}, "buffers": []})
    assert [state["value"] for state in wire.updates_of(words)] == ["never set"]
    assert [state["value"] for state in wire.updates_of(slider)] == [3]
    wire.sent.clear()
    listen(messages)
    with messages.one_message(late=True):
        words.value = "plain"
    assert batches(wire, messages) == []
    assert wire.updates_of(words) == [{"value": "plain"}]
