"""What is drawn: which points, which ticks, which colours, which words."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from llmcalc_core import evaluate, make_request
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart.captions import status_words, tooltips
from llmcalc_widgets.chart.drawing import FEW, MOST_MARKS, downsampled_rows
from llmcalc_widgets.chart.palette import COLOUR_WORDS, PALETTE, colour_slots
from llmcalc_widgets.chart.ticks import MOST_TICKS, Ends, limits, tick_labels, ticks
from llmcalc_widgets.chart.view import chart_view
from llmcalc_widgets.panels.details import memory_bar
from llmcalc_widgets.text.units import banded_seconds, number, rounded, seconds


@given(
    low=st.floats(1e-6, 1e9),
    ratio=st.floats(1.01, 1e9),
)
def test_ticks_are_few_and_inside_round_limits(low: float, ratio: float) -> None:
    start, end = limits(np.array([low, low * ratio]))
    assert 0 < start < low
    assert end > low * ratio
    at = ticks(start, end)
    assert 2 <= len(at) <= MOST_TICKS + 2
    assert at == sorted(at)
    assert start <= at[0]
    assert at[-1] <= end * (1 + 1e-9)
    assert len(set(tick_labels(at))) == len(at)
    places, labels = Ends(start, end).ticks()
    assert places == sorted(places)
    assert [labels[str(int(place)) if place in (0, 1) else str(place)] for place in places]


@given(st.floats(1e-9, 1e15))
def test_numbers_have_three_significant_digits(value: float) -> None:
    shown = float(number(value).replace(",", ""))
    assert shown == pytest.approx(rounded(value), rel=1e-9)
    assert shown == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("value", "text"), [(0.9999, "1.00 s"), (0.9994e-3, "999 µs"), (59.08, "59.1 s"), (0, "0 s")]
)
def test_times_change_their_unit_after_rounding(value: float, text: str) -> None:
    assert seconds(value) == text


def test_a_large_table_is_drawn_in_part_but_with_its_front() -> None:
    request = make_request("mixtral_8x7b", "H100_80GB", 256, batch=[2**n for n in range(13)])
    view = chart_view(evaluate(request), None, None)
    frame = view.frame
    assert len(frame) > MOST_MARKS
    rows = downsampled_rows(view, always=[7, 11])
    assert len(rows) <= MOST_MARKS
    assert set(np.flatnonzero(frame["on_front"])) | {7, 11} <= set(rows)


def test_of_plans_that_lie_together_one_is_drawn() -> None:
    view = chart_view(evaluate(make_request("mixtral_8x7b", "H100_80GB", 64)), None, None)
    across, up = np.log(view.values)
    assert len(across) > FEW
    rows = downsampled_rows(view, always=[])
    assert len(rows) < len(across) / 2
    for row in np.setdiff1d(np.arange(len(across)), rows):
        near = abs(across[rows] - across[row]) < np.ptp(across) / 19
        near &= abs(up[rows] - up[row]) < np.ptp(up) / 19
        assert (near & (view.rejected[rows] == view.rejected[row])).any()


def test_axes_stay_while_plans_fill_most_of_them() -> None:
    explorer = ParetoExplorer(model="mixtral_8x7b", devices=32, phase="decode")
    explorer.precision = "fp8"
    both = explorer.chart.drawing.ends
    explorer.precision = "bf16"
    assert explorer.chart.drawing.ends == both
    explorer.phase = "prefill"
    assert (
        explorer.chart.drawing.ends
        == ParetoExplorer(model="mixtral_8x7b", devices=32, phase="prefill").chart.drawing.ends
    )


def test_chart_and_table_say_the_same() -> None:
    explorer = ParetoExplorer(
        model="mixtral_8x7b", devices=64, batch_max=2048, tpot_limit_ms=20, phase="decode"
    )
    plot, frame = explorer.chart.plot, explorer.df
    rows = explorer.chart.drawing.rows
    assert sum(map(len, rows.values())) <= MOST_MARKS
    across, up = explorer.chart.drawing.ends
    np.testing.assert_allclose(
        _values(across, plot.candidates.x), frame["tpot_s"].to_numpy()[rows["candidates"]] * 1e3
    )
    assert (frame["rejected_for"].iloc[rows["candidates"]] == "").all()
    assert (frame["rejected_for"].iloc[rows["rejected"]] != "").all()
    steps = plot.front.y[1, : 2 * len(explorer.front) : 2]
    np.testing.assert_allclose(_values(up, steps), explorer.front["tokens_per_s_per_device"])
    np.testing.assert_allclose(_values(across, plot.limit.x[0]), [20, 20])
    assert (plot.limit.x[1] < 0).all()
    for axis, ends in ((plot.x_axis, across), (plot.y_axis, up)):
        texts = [float(text.replace(",", "")) for text in axis.tick_labels.values()]
        np.testing.assert_allclose(_values(ends, axis.tick_values), texts, rtol=1e-3)
    drawn = np.concatenate([plot.candidates.x, plot.candidates.y, plot.rejected.x, plot.rejected.y])
    assert 0 < drawn.min() < drawn.max() < 1
    best = explorer.state.evaluation.recommended
    np.testing.assert_allclose(
        _values(up, explorer.chart.drawing.recommended[1]), [frame["tokens_per_s_per_device"][best]]
    )
    explorer.close()


def _banded(row: pd.Series, name: str) -> tuple[str, str]:
    return banded_seconds(row[f"{name}_s"], row[f"{name}_low_s"], row[f"{name}_high_s"])


def _values(ends: Ends, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Say what stands at places along an axis."""
    return ends.low * (ends.high / ends.low) ** places


def test_marks_are_made_once() -> None:
    explorer = ParetoExplorer(model="llama2_7b", devices=2, phase="decode")
    parts = list(explorer.chart.plot.figure.marks)
    explorer.update(model="mixtral_8x7b", devices=16, phase="prefill")
    assert [mark.model_id for mark in explorer.chart.plot.figure.marks] == [
        mark.model_id for mark in parts
    ]
    explorer.close()


@given(st.sets(st.integers(1, 512), min_size=1, max_size=8))
def test_colours_differ_while_there_are_enough(widths: set[int]) -> None:
    slots = colour_slots(widths)
    assert set(slots) == widths
    assert len(set(slots.values())) == len(widths)
    assert max(slots.values()) < len(PALETTE)


def test_words_count_and_explain() -> None:
    evaluation = evaluate(
        make_request("llama2_70b", "H100_80GB", 4, batch=[64, 512], tpot_limit_s=0.02)
    )
    frame = evaluation.frame
    view = chart_view(evaluation, None, None)
    words = status_words(view, len(frame), None)
    assert words.startswith(f"{len(frame)} plans, ")
    assert f"{(frame['rejected_for'] == '').sum()} within the limit" in words
    first = tooltips(view, np.array([0]))[0].splitlines()
    assert (
        first[0]
        == "TP 1 \N{MULTIPLICATION SIGN} PP 1 \N{MULTIPLICATION SIGN} 4 replicas, batch 64 each"
    )
    assert first[1] == f"Time per output token: {', '.join(_banded(frame.iloc[0], 'tpot'))}"
    assert "short per device" in first[3]
    assert "more than usable" in memory_bar(frame.iloc[0])


def test_rejected_plans_far_from_the_others_are_left_out_and_counted() -> None:
    explorer = ParetoExplorer(
        model="llama2_70b", phase="prefill", devices=8, batch_max=1024, ttft_limit_ms=500
    )
    fitting = explorer.df.loc[explorer.df["rejected_for"] == "", "ttft_s"].max() * 1e3
    plot = explorer.chart.plot
    assert len(plot.candidates.x) == (explorer.df["rejected_for"] == "").sum()
    across, _ = explorer.chart.drawing.ends
    assert 0 < _values(across, plot.rejected.x).max() <= 4 * fitting
    drawn = len(plot.candidates.x) + len(plot.rejected.x)
    assert f"{drawn} of them drawn" in explorer.chart._status.value
    slowest = int(explorer.df["ttft_s"].argmax())
    explorer.select(slowest)
    assert plot.selected.x.tolist() == [plot.rejected.x.max()]
    explorer.close()


def test_the_front_and_the_recommended_plan_take_the_click() -> None:
    explorer = ParetoExplorer(model="mixtral_8x7b", devices=8, phase="decode")
    rows, view = explorer.chart.drawing.rows["candidates"], explorer.outputs.view
    assert rows[-1] == view.evaluation.recommended
    on_front = np.isin(rows, view.front)
    assert on_front[-on_front.sum() :].all()
    best = len(rows) - 1
    explorer.chart.plot.candidates.selected = [best]
    assert explorer.selected_row == view.evaluation.recommended
    explorer.close()


@pytest.mark.parametrize("column", [*COLOUR_WORDS])
def test_plans_are_told_apart_in_colour_by_what_is_chosen(column: str) -> None:
    explorer = ParetoExplorer(model="mixtral_8x7b", devices=8, devices_min=2, phase="serving")
    explorer.chart.axes.colour.value = column
    assert explorer.colour_by == column
    drawing = explorer.chart.drawing
    values = explorer.df[column].to_numpy()[drawing.rows["candidates"]]
    slots = drawing.slots()
    assert drawing.plot.candidates.color.tolist() == [slots[value] for value in values.tolist()]
    for value in set(values.tolist()):
        assert re.search(rf"\b{value}\b", explorer.chart._legend.value)
    again = ParetoExplorer.from_config(explorer.to_config())
    assert again.colour_by == column
    for one in (explorer, again):
        one.close()
