"""The trait of frames: made when it is read, or for those who observe it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from traitlets import HasTraits, TraitError

from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.apps.traits import Frame


class Holder(HasTraits):
    frame = Frame()


def counting(made: list[pd.DataFrame]) -> Callable[[], pd.DataFrame]:
    def make() -> pd.DataFrame:
        made.append(pd.DataFrame({"figure": [len(made)]}))
        return made[-1]

    return make


def test_a_frame_is_made_once_when_it_is_read() -> None:
    holder, made = Holder(), list[pd.DataFrame]()
    assert holder.frame is None
    holder.frame = counting(made)
    assert not made
    assert holder.frame is holder.frame
    assert len(made) == 1


def test_who_observes_gets_frames() -> None:
    holder, made, seen = Holder(), list[pd.DataFrame](), list[Any]()
    holder.frame = counting(made)
    holder.observe(seen.append, "frame")
    holder.frame = counting(made)
    (change,) = seen
    told = zip((change["old"], change["new"]), made, strict=True)
    assert all(given.equals(source) and given is not source for given, source in told)
    holder.frame = made[-1]
    assert len(seen) == 1


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(TraitError, match="must be a DataFrame, a Series or None, got 3"):
        Holder().frame = 3


def test_an_explorer_tells_who_observes_its_frames() -> None:
    explorer, seen = ParetoExplorer(model="llama2_7b", devices=2, phase="decode"), list[Any]()
    explorer.observe(seen.append, ["df", "front", "selected", "selection"])
    explorer.devices = 4
    assert {change["name"] for change in seen} == {"df", "front", "selection"}
    assert all(isinstance(change[end], pd.DataFrame) for change in seen for end in ("old", "new"))
    explorer.select(int(explorer.front.index[0]))
    assert seen[-2]["name"] == "selected"
    assert seen[-2]["new"].equals(explorer.df.loc[explorer.front.index[0]])
    explorer.close()


def test_a_selected_plan_is_followed() -> None:
    explorer = ParetoExplorer(model="llama2_7b", devices=2, phase="decode")
    explorer.select(int(explorer.front.index[0]))
    plan = explorer.selected[["tp", "pp", "replicas", "batch"]]
    explorer.batch_max = 512
    assert explorer.selected_row != plan.name
    assert explorer.selected[plan.index].equals(plan.rename(explorer.selected_row))
    explorer.close()
