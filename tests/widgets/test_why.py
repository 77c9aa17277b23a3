"""Why a plan is as it is: nothing while closed, what the core says while open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from llmcalc_core import MEMORY_COLUMNS, explain, sensitivity
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.panels import why
from llmcalc_widgets.panels.memory_chart import memory_chart
from llmcalc_widgets.panels.operations import MOST_ROWS, operations_table, roofline
from llmcalc_widgets.panels.svg import HEIGHT
from llmcalc_widgets.panels.why import sensitivity_table
from llmcalc_widgets.text.units import change_words, seconds

NAME = "Why this plan?"


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(
        model="mixtral_8x7b", hardware="H100_80GB", devices=8, batch_max=64, phase="decode"
    )
    yield made
    made.close()


def rows_of(table: str) -> list[list[str]]:
    """Read the cells of a table's body as text."""
    body = table.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in re.findall(r"<tr>.*?</tr>", body)
    ]


def test_nothing_is_explained_while_it_is_closed(
    explorer: ParetoExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(why, "explain", lambda *given: asked.append(given) or explain(*given))
    explorer.devices = 4
    explorer.select(3)
    assert asked == []
    explorer.outputs.reveal(NAME)
    assert len(asked) == 1
    assert asked[0][1].equals(explorer.df.iloc[3])
    explorer.outputs.buttons[NAME].value = False
    explorer.devices = 2
    assert len(asked) == 1


def test_open_it_follows_selection_and_settings(explorer: ParetoExplorer) -> None:
    panel = explorer.outputs.reveal(NAME).panel
    seen = [panel.value]
    explorer.select(5)
    seen.append(panel.value)
    explorer.phase = "serving"
    seen.append(panel.value)
    explorer.select(None)
    seen.append(panel.value)
    assert len(set(seen)) == 4
    row = int(explorer.front["tokens_per_s_per_device"].idxmax())
    table = explain(explorer.request, explorer.df.iloc[row])
    assert operations_table(table) in seen[-1]
    assert 'role="status"' in seen[-1]
    explorer.update(hardware="L40S", devices=1)
    assert "No plan to explain" in panel.value


def test_operations_are_the_longest_and_the_rest(explorer: ParetoExplorer) -> None:
    explorer.phase = "serving"
    plan = explorer.df[(explorer.df["tp"] == 4) & (explorer.df["batch"] == 64)].iloc[0]
    table = explain(explorer.request, plan)
    rows = rows_of(operations_table(table))
    assert len(rows) == MOST_ROWS + 1
    for at, cells in enumerate(rows[:-1]):
        own = table.iloc[at]
        assert cells[0] == str(at + 1)
        assert cells[1].startswith(f"{own['phase']}, {own['part']}: {own['operation']}")
        assert cells[3] == seconds(own["time_s"])
    assert rows[-1][3] == seconds(table["time_s"].iloc[MOST_ROWS:].sum())


def test_the_roofline_has_every_operation_that_computes(explorer: ParetoExplorer) -> None:
    table = explain(explorer.request, explorer.df.iloc[0])
    drawn = roofline(table)
    assert drawn.count("<circle") == (table["flops"] > 0).sum()
    assert "peak 989 TFLOP/s" in drawn  # the data sheet's 1,979 with sparsity, halved
    assert "peak 3.35 TB/s" in drawn
    assert 'role="img"' in drawn
    assert roofline(table[table["flops"] == 0]) == ""


def test_bars_of_memory_end_where_the_memory_does(explorer: ParetoExplorer) -> None:
    frame = explorer.df[(explorer.df["tp"] == 2) & (explorer.df["pp"] == 1)]
    frame = frame[frame["ep"] == 1]
    drawn = memory_chart(frame, "batch", "Batch", marks={8: "here"})
    boxes = [
        tuple(map(float, found))
        for found in re.findall(r'<rect x="(\S+)" y="(\S+)" width="\S+" height="(\S+)"', drawn)
    ]
    (line,) = re.findall(r'strong\)" stroke-width="1.8" d="M\S+ (\S+?)L', drawn)
    bottom = max(y + height for _, y, height in boxes)
    usable = (frame["device_memory_bytes"] + frame["memory_headroom_bytes"]).iloc[0]
    scale = (bottom - float(line)) / usable
    tops = {}
    for x, y, _ in boxes:
        tops[x] = min(y, tops.get(x, HEIGHT))
    for top, used in zip(tops.values(), frame["device_memory_bytes"], strict=True):
        assert bottom - top == pytest.approx(used * scale, abs=0.3)
    assert len(boxes) <= len(frame) * len(MEMORY_COLUMNS)
    assert ">here</text>" in drawn


def test_the_strip_says_changes_with_their_sign(explorer: ParetoExplorer) -> None:
    table = sensitivity(explorer.request, explorer.df.iloc[explorer.front.index[0]])
    rows = {cells[0]: cells[1:] for cells in rows_of(sensitivity_table(table))}
    faster = table.set_index("change").loc["memory bandwidth"]
    assert rows["memory bandwidth"][1] == change_words(faster["tpot_change"])
    assert rows["memory bandwidth"][1].startswith("\N{MINUS SIGN}")
    assert rows["memory bandwidth"][3] == "none"
    assert rows["memory"][:3] == ["none"] * 3
    larger = table.set_index("change").loc["memory capacity", "largest_batch"]
    assert rows["memory"][3].startswith(f"{larger:,} (+")
