"""Settings that several threads set: those of cells, and of the page (a subshell of the kernel)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest

from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.apps.traits import Frame
from llmcalc_widgets.runner import evaluations
from llmcalc_widgets.state import EvaluationState

EVALUATE = evaluations.evaluate


@pytest.fixture
def explorer() -> Any:
    made = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=1, phase="decode")
    yield made
    made.close()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let threads change while something is evaluated, the earlier the longer."""
    pauses = iter([0.2, 0.15, 0.1, 0.05, *[0.0] * 99])

    def evaluate(request: Any) -> Any:
        time.sleep(next(pauses))
        return EVALUATE(request)

    monkeypatch.setattr(evaluations, "evaluate", evaluate)


@pytest.mark.usefixtures("slow")
def test_the_last_setting_is_what_is_shown(explorer: ParetoExplorer) -> None:
    drawn: list[tuple[int, int]] = []
    draw = explorer.chart.draw

    def both(view: Any, fronts: Any) -> None:
        drawn.append((view.evaluation.request.devices[0], explorer.state.shown["devices"]))
        draw(view, fronts)

    explorer.chart.draw = both
    with ThreadPoolExecutor(2) as threads:
        page = threads.submit(lambda: explorer.form.fields["devices"].text.set_trait("value", "4"))
        cell = threads.submit(explorer.update, devices=2, batch_max=8)
        page.result()
        cell.result()
    assert all(evaluated == shown for evaluated, shown in drawn)
    assert explorer.df["devices"].max() == explorer.devices
    assert explorer.request == explorer.make_request()
    assert f"{explorer.devices} \N{MULTIPLICATION SIGN}" in explorer.chart._head.value
    assert explorer.form.fields["devices"].text.value == str(explorer.devices)


def test_nobody_hears_of_half_a_change(explorer: ParetoExplorer) -> None:
    # traitlets holds what another thread sets back to the end of a hold, and checks it there only.
    seen: list[str] = []
    with ThreadPoolExecutor(1) as threads:
        with explorer.hold_trait_notifications():
            explorer.devices = 2
            other = threads.submit(setattr, explorer, "batch_min", 100_000)
            time.sleep(0.05)
            seen.append("held" if not other.done() else "set")
        with pytest.raises(Exception, match="batch_min must be at most"):
            other.result(10)
    assert (seen, explorer.devices, explorer.batch_min) == (["held"], 2, 1)


def test_a_frame_that_is_made_late_does_not_replace_a_newer_one() -> None:
    class Holder(EvaluationState):
        df = Frame()

    holder = Holder()
    first, second = pd.DataFrame({"of": [1]}), pd.DataFrame({"of": [2]})

    def slowly() -> pd.DataFrame:
        holder.df = second  # as another thread does meanwhile
        return first

    holder.df = slowly
    assert holder.df.equals(first)
    assert holder.df.equals(second)
