"""Axes to choose from: what the chart, the front and the words show of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from traitlets import TraitError

from llmcalc_core import PHASES, evaluate, find_hardware, make_request
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart.axes import AXES, DEFAULT_AXES, Quantity
from llmcalc_widgets.chart.captions import unknown_words
from llmcalc_widgets.chart.view import ChartView

SMALL_IS_BETTER = {
    "tpot", "ttft", "e2e_latency", "devices", "cost", "energy", "usd_per_month", "tp",
}  # fmt: skip


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="mixtral_8x7b", devices=16, phase="serving")
    yield made
    made.close()


SERVING = make_request("llama2_7b", "H100_80GB", 1, phase="serving")


def better(axis: Quantity, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Give what is to be made large."""
    return values(axis, frame) * (-1 if axis.small else 1)


def values(axis: Quantity, frame: pd.DataFrame) -> NDArray[np.float64]:
    own = axis.of(SERVING)
    return own.shown(frame[own.column].to_numpy())


def beaten(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of each plan whether another is as good on both counts and better on one."""
    as_good = (one[None] >= one[:, None]) & (two[None] >= two[:, None])
    more = (one[None] > one[:, None]) | (two[None] > two[:, None])
    return np.asarray((as_good & more).any(axis=1))


@pytest.fixture(scope="module")
def limited() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(model="llama2_7b", devices=6, phase="serving", tpot_limit_ms=12)
    yield made
    made.close()


def test_small_is_better_of_times_devices_and_costs() -> None:
    assert {name for name, axis in AXES.items() if axis.small} == SMALL_IS_BETTER


PAIRS = [pair if number % 2 else pair[::-1] for number, pair in enumerate(combinations(AXES, 2))]
"""Each two axes once: every axis is across in some pairs, and up in others."""


@pytest.mark.parametrize(("across", "up"), PAIRS)
def test_the_front_is_what_no_plan_beats_on_the_axes(
    limited: ParetoExplorer, across: str, up: str
) -> None:
    limited.update(x_axis=across, y_axis=up)
    fits = limited.df[limited.df["rejected_for"] == ""]
    assert 0 < len(fits) < len(limited.df)
    best = ~beaten(better(AXES[across], fits), better(AXES[up], fits))
    assert sorted(limited.front.index) == fits.index[best].tolist()
    assert (np.diff(values(AXES[across], limited.front)) >= 0).all()


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_has_its_usual_axes(phase: str) -> None:
    explorer = ParetoExplorer(model="llama2_7b", devices=4, phase=phase)
    lists = explorer.chart.axes.lists
    assert (lists["x_axis"].value, lists["y_axis"].value) == DEFAULT_AXES[phase]
    assert sorted(explorer.front.index) == sorted(explorer.df.index[explorer.df["on_front"]])
    explorer.close()


def test_serving_shows_users_against_devices(explorer: ParetoExplorer) -> None:
    plot, (across, _) = explorer.chart.plot, explorer.chart.drawing.ends
    assert plot.x_axis.label == "Generated tokens/s per user"
    assert plot.y_axis.label == "Generated tokens/s per device"
    rows = explorer.chart.drawing.rows["candidates"]
    shown = across.low * (across.high / across.low) ** plot.candidates.x
    np.testing.assert_allclose(shown, 1 / explorer.df["tpot_s"].to_numpy()[rows])
    stairs = plot.front.x[1, : 2 * len(explorer.front) - 1], plot.front.y[1]
    assert (np.diff(stairs[0]) >= 0).all()
    assert (np.diff(stairs[1][: len(stairs[0])]) <= 0).all()
    assert stairs[0][0] == stairs[0][1]  # more per user is better: down first, then across


def test_a_limit_stands_on_each_axis_that_shows_it(explorer: ParetoExplorer) -> None:
    limit = float(explorer.df["tpot_s"].median()) * 1e3
    wait = float(explorer.df["ttft_s"].median()) * 1e3
    explorer.update(tpot_limit_ms=limit, ttft_limit_ms=wait, y_axis="ttft")
    across, up = explorer.chart.drawing.ends
    lines = explorer.chart.plot.limit
    np.testing.assert_allclose(lines.x[0], across.places(np.repeat(1e3 / limit, 2)))
    np.testing.assert_allclose(lines.y[1], up.places(np.repeat(wait, 2)))
    late = (explorer.df["tpot_s"] * 1e3 > limit) | (explorer.df["ttft_s"] * 1e3 > wait)
    fits = ~explorer.df["rejected_for"].isin(["memory", "expert parallel"])
    assert f"{(fits & ~late).sum()} within the limits" in explorer.chart._status.value
    assert explorer.chart._legend.value.count("limit ") == 2
    assert set(explorer.chart.drawing.rows["candidates"]) <= set(explorer.df.index[~late])
    explorer.y_axis = None
    assert (lines.y[1] < 0).all()
    explorer.update(tpot_limit_ms=limit / 100, ttft_limit_ms=1)
    words = explorer.chart._notice.value
    assert "meets the limits of" in words
    assert words.count("The fastest needs") == 2


def test_choosing_the_axis_of_the_other_swaps_them(explorer: ParetoExplorer) -> None:
    lists, before = explorer.chart.axes.lists, explorer.df
    lists["x_axis"].value = "tokens_per_s_per_device"
    assert (explorer.x_axis, explorer.y_axis) == DEFAULT_AXES["serving"][::-1]
    assert lists["y_axis"].value == "tokens_per_s_per_user"
    assert explorer.chart.plot.y_axis.label == "Generated tokens/s per user"
    assert explorer.df is before
    explorer.select(3)
    lists["y_axis"].value = "devices"
    assert explorer.selected.name == 3


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"x_axis": "tpto"}, "'tpot'"),
        ({"y_axis": 3}, "known: tpot"),
        ({"x_axis": "ttft", "y_axis": "ttft"}, "must differ"),
    ],
)
def test_a_wrong_axis_raises_and_changes_nothing(
    explorer: ParetoExplorer, values: dict[str, str], says: str
) -> None:
    with pytest.raises(TraitError, match=says):
        ParetoExplorer(**values)  # type: ignore[arg-type]
    with pytest.raises(TraitError, match=says):
        explorer.update(**values)  # type: ignore[arg-type]
    assert (explorer.x_axis, explorer.y_axis) == (None, None)


def test_what_is_not_known_is_said_and_not_drawn() -> None:
    unknown = find_hardware("H100_80GB").replace(name="mine", price_per_hour=None)
    explorer = ParetoExplorer(
        model="llama2_7b", hardware=unknown, devices=2, y_axis="cost", phase="decode"
    )
    drawing = explorer.chart.drawing
    assert "The cost of tokens on mine is not known" in explorer.chart._notice.value
    assert not any(map(len, drawing.rows.values()))
    assert len(drawing.recommended[0]) == len(explorer.front) == 0
    explorer.hardware = "H100_80GB"
    assert explorer.chart._notice.value == ""
    assert len(explorer.front) > 0
    explorer.phase = "prefill"
    assert drawing.plot.y_axis.label == "Prompt tokens: cost [USD per million, cloud price]"
    assert len(explorer.front) > 0
    explorer.close()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("ttft", "tpot"), "The TTFT and TPOT of no plan are known. Choose another axis."),
        (
            ("cost", "energy"),
            (
                "The cost and energy of tokens on mine are not known: its price or power is not in "
                "the catalogue. Choose another axis, or give it under Prices."
            ),
        ),
        (
            ("ttft", "cost"),
            (
                "The TTFT of no plan is known. Choose another axis. The cost of tokens on mine is "
                "not known: its price or power is not in the catalogue. Choose another axis, or "
                "give it under Prices."
            ),
        ),
    ],
)
def test_only_what_is_of_tokens_is_said_to_be_of_them(names: tuple[str, str], words: str) -> None:
    own = find_hardware("H100_80GB").replace(name="mine")
    request = make_request("llama2_7b", own, 1, phase="serving", batch=1)
    view = ChartView(evaluation=evaluate(request), names=names)
    none = np.full(len(view.frame), np.nan)
    vars(view)["values"] = (none, none)
    assert unknown_words(view) == words


def test_what_costs_nothing_is_said_where_an_axis_cannot_show_it(explorer: ParetoExplorer) -> None:
    explorer.hardware = find_hardware("H100_80GB").replace(name="mine", price_per_hour=0)
    with np.errstate(all="raise"):
        explorer.x_axis = "cost"
    assert explorer.error == ""
    assert "The cost of tokens on mine is 0" in explorer.chart._notice.value
    explorer.x_axis = None
    assert explorer.chart._notice.value == ""


def test_the_tooltip_says_what_the_axes_show(explorer: ParetoExplorer) -> None:
    explorer.update(y_axis="devices")
    pointed = explorer.chart.plot.candidates
    explorer.chart._pointing._hovered(pointed, {"data": {"index": 0}})
    assert "tokens/s per user" in pointed.tooltip.value
    assert "16 devices" in pointed.tooltip.value
