"""The chart of estimates over measurements: points, colours, words, and what it refuses."""

from __future__ import annotations

import ipywidgets
import numpy as np
import pandas as pd
import pytest

from llmcalc_widgets import MeasuredChart
from llmcalc_widgets.chart.measured import COLUMNS

POINTS = pd.DataFrame(
    [
        ("H100", "llama", "vllm", 10.0, 10.0),
        ("A100", "llama", "vllm", 10.0, 12.4),
        ("A100", "llama", "trtllm", 100.0, 50.0),
    ],
    columns=COLUMNS,
)


def test_points_lie_where_their_times_are_on_one_scale() -> None:
    chart = MeasuredChart(POINTS, "time")
    across, up = chart.trusted.x, chart.trusted.y
    assert across[0] == pytest.approx(up[0]), "a right estimate is on the diagonal"
    assert up[1] > across[1], "an estimate that is too long is above it"
    assert up[2] < across[2]
    assert ((across > 0) & (across < 1) & (up > 0) & (up < 1)).all()


def test_the_shaded_band_is_a_quarter_to_either_side() -> None:
    chart = MeasuredChart(POINTS, "time")
    band = chart.figure.marks[0]
    place = chart.trusted.y[1] - chart.trusted.x[1]
    width = np.log(1.25) / np.log(1.24) * place
    assert band.y[0] - band.x[0] == pytest.approx(width)
    assert "2 of 3 estimates are within 25%" in chart.children[-1].value


def test_a_device_has_one_colour_in_all_charts() -> None:
    devices = ["H100", "L40S", "A100"]
    first = MeasuredChart(POINTS, "first", devices=devices)
    second = MeasuredChart(POINTS[1:], "second", devices=devices)
    assert first.trusted.color.tolist() == [0, 2, 2]
    assert second.trusted.color.tolist() == [2, 2]
    assert "L40S" not in first.children[2].value, "the legend names what is drawn"


def test_what_is_not_trusted_is_hollow_and_says_why() -> None:
    points = POINTS.assign(not_trusted=[np.nan, "", "a bad day"])
    chart = MeasuredChart(points, "time")
    assert (len(chart.trusted.x), len(chart.doubted.x)) == (2, 1)
    assert not chart.doubted.fill
    assert chart.words(2).endswith("Not trusted: a bad day")
    assert "not trusted" in chart.children[2].value
    assert "1 not trusted" in chart.children[-1].value


def test_names_are_text_and_no_html() -> None:
    points = POINTS.assign(device="<b>H100</b>", model="<i>llama</i>")
    chart = MeasuredChart(points, "<u>time</u>")
    chart.trusted._handle_custom_msg({"event": "hover", "data": {"index": 1}}, [])
    assert "&lt;i&gt;llama&lt;/i&gt; on &lt;b&gt;H100&lt;/b&gt;" in chart.trusted.tooltip.value
    assert "(+24%)" in chart.trusted.tooltip.value
    shown = "".join(part.value for part in chart.children[1:3])
    assert "<b>" not in shown
    assert "<u>" not in shown


def test_closing_leaves_nothing() -> None:
    registry = ipywidgets.widgets.widget._instances
    before = set(registry)
    chart = MeasuredChart(POINTS, "time")
    assert len(set(registry) - before) > 20
    chart.close()
    assert set(registry) - before == set()


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="missing: engine"):
        MeasuredChart(POINTS.drop(columns="engine"), "time")


@pytest.mark.parametrize("time", [0.0, -1.0, np.nan])
def test_a_time_that_is_not_above_zero_is_refused(time: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        MeasuredChart(POINTS.assign(measured_ms=time), "time")
