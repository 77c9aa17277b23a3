"""The explorer under a thousand random changes: it always shows what the core says, and no error
takes the last good result away."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from traitlets import TraitError

from llmcalc_core import explore
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.chart.axes import AXES, axes_of, usual_axes
from llmcalc_widgets.text.units import number_text

VALID: dict[str, list[Any]] = {
    "model": ["llama2_7b", "llama2_70b", "mixtral_8x7b"],
    "hardware": ["A100_80GB", "L4"],
    "devices": [1, 4, 8],
    "devices_min": [None, 1, 2],
    "phase": ["decode", "prefill", "serving"],
    "engine": ["vllm", "trtllm"],
    "input_tokens": [128, 2000, 32_000],
    "output_tokens": [1, 256],
    "batch_min": [1, 3],
    "batch_max": [4, 64],
    "precision": ["checkpoint", "fp8"],
    "memory_fraction": [0.5, 0.9],
    "tpot_limit_ms": [None, 30.0],
    "ttft_limit_ms": [None, 500.0],
    "workload": ["chat", "batch"],
    "prefix_hit_rate": [0.0, 0.5],
    "prefill_chunk_tokens": [None, 1024],
    "speculative_tokens": [0, 3],
    "acceptance_rate": [0.0, 0.7],
    "draft_model": [None, "llama3_2_1b"],
    "context_parallel_max": [None, 2],
    "lora_adapters": [0, 4],
    "lora_rank": [16, 64],
    "weights_offload": [0.0, 0.25],
    "weights_offload_gib": [0.0, 1.5],
    "kv_offload": [0.0, 0.25],
    "offload_to_fit": [False, True],
    "price_per_hour": [None, 2.5],
    "power_watts": [None, 400.0],
}
INVALID: dict[str, list[Any]] = {
    "model": ["llama2_71b", "", "<img src=x>"],
    "hardware": ["H100_81GB", ""],
    "devices": [0, "eight", 2.5],
    "devices_min": [0, 16],
    "input_tokens": [-5, "", 2.5],
    "output_tokens": [10**12],
    "batch_min": [512, 0],
    "batch_max": ["nan", -1],
    "memory_fraction": ["90 %", 1.5, 0],
    "tpot_limit_ms": ["fast", -5],
    "ttft_limit_ms": ["soon", 0],
    "prefix_hit_rate": [1.5, "half"],
    "prefill_chunk_tokens": [0, "some"],
    "speculative_tokens": [-1, 2.5],
    "acceptance_rate": [-0.1],
    "draft_model": ["llama2_71b"],
    "context_parallel_max": [0, 2000],
    "lora_adapters": [-1],
    "lora_rank": [0],
    "weights_offload": [2],
    "weights_offload_gib": [-1, "all"],
    "kv_offload": ["all"],
    "price_per_hour": [0, "free"],
    "power_watts": [-5],
}
TYPED = tuple(INVALID)
NAMES = ("model", "hardware", "draft_model")
SLID = ("devices", "input_tokens", "output_tokens", "batch_min", "batch_max", "prefix_hit_rate",
        "speculative_tokens", "lora_adapters", "kv_offload")  # fmt: skip
TECHNIQUES = ("prefix_hit_rate", "speculative_tokens", "acceptance_rate", "draft_model",
              "prefill_chunk_tokens", "lora_adapters", "lora_rank", "weights_offload",
              "weights_offload_gib", "kv_offload", "offload_to_fit", "price_per_hour",
              "power_watts")  # fmt: skip
MOST_PINS = 3


@cache
def expected(asked: tuple[tuple[str, Any], ...]) -> pd.DataFrame:
    """Ask the core what the settings of an explorer ask for."""
    values = dict(asked)
    prefill = values["phase"] == "prefill"
    limits = {name: None if values[f"{name}_limit_ms"] is None
              else values[f"{name}_limit_ms"] / 1e3 for name in ("tpot", "ttft")}  # fmt: skip
    return explore(
        values["model"],
        values["hardware"],
        _counts(values["devices_min"] or values["devices"], values["devices"]),
        phase=values["phase"],
        engine=values["engine"],
        input_tokens=values["input_tokens"],
        output_tokens=values["output_tokens"],
        batch=_counts(values["batch_min"], values["batch_max"]),
        exact_batch=True,
        precision=values["precision"],
        memory_fraction=values["memory_fraction"],
        tpot_limit_s=None if prefill else limits["tpot"],
        ttft_limit_s=limits["ttft"],
        context_parallel=values["context_parallel_max"]
        and _counts(1, values["context_parallel_max"]),
        **{
            name: values[name]
            for name in TECHNIQUES
            if name != "prefill_chunk_tokens" or values["phase"] == "serving"
        },
    )


def _counts(low: int, high: int) -> list[int]:
    """Both ends, and the powers of two between them."""
    return sorted({low, high} | {2**power for power in range(17) if low < 2**power < high})


def change_of(values: dict[str, list[Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    """Draw a setting and one of its values."""
    return st.sampled_from([(name, value) for name, known in values.items() for value in known])


class ExplorerStates(RuleBasedStateMachine):
    """Changes of an explorer by its controls and by code; after each it is held to the core."""

    @initialize()
    def open(self) -> None:
        self.checked: tuple[tuple[tuple[str, Any], ...], pd.DataFrame | None] = ((), None)
        self.explorer = ParetoExplorer(
            model="llama2_7b", hardware="A100_80GB", devices=4, batch_max=8
        )
        for title in self.explorer.form.folds:
            self.explorer.form.reveal(title)

    def teardown(self) -> None:
        # Nothing has changed a frame in place since it was compared.
        pd.testing.assert_frame_equal(self.explorer.df, expected(self.checked[0]))
        self.explorer.close()

    @rule(change=change_of(VALID))
    def set_by_code(self, change: tuple[str, Any]) -> None:
        if self._contradicts(*change):
            self.set_wrongly_by_code(change)
            return
        setattr(self.explorer, *change)
        assert getattr(self.explorer, change[0]) == change[1]

    @rule(change=change_of(INVALID))
    def set_wrongly_by_code(self, change: tuple[str, Any]) -> None:
        before, frame = self.explorer.settings(), self.explorer.df
        with pytest.raises(TraitError):
            setattr(self.explorer, *change)
        assert self.explorer.settings() == before
        assert self.explorer.df is frame

    @rule(change=change_of(VALID))
    def set_by_control(self, change: tuple[str, Any]) -> None:
        name, value = change
        if self._contradicts(name, value):
            self.set_wrongly_by_control(change)
            return
        field = self.explorer.form.fields[name]
        if name in TYPED:
            field.text.value = "" if value is None else str(value)
        else:
            (field.buttons if name == "phase" else field.dropdown).value = value
        assert getattr(self.explorer, name) == value
        assert "alert" not in field.message.value

    @rule(change=change_of(INVALID))
    def set_wrongly_by_control(self, change: tuple[str, Any]) -> None:
        name, value = change
        before, frame = self.explorer.settings(), self.explorer.df
        field = self.explorer.form.fields[name]
        field.text.value = str(value)
        assert self.explorer.settings() == before
        assert self.explorer.df is frame
        assert "alert" in field.message.value
        assert name in self.explorer.error

    @rule(name=st.sampled_from(SLID), at=st.integers(0, 6))
    def slide(self, name: str, at: int) -> None:
        slider = self.explorer.form.fields[name].slider
        if not self._contradicts(name, slider.options[at][1]):
            slider.index = at
            assert getattr(self.explorer, name) == slider.value

    @rule(name=st.sampled_from(["x_axis", "y_axis"]), axis=st.sampled_from(list(AXES)))
    def choose_axis(self, name: str, axis: str) -> None:
        self.explorer.chart.axes.lists[name].value = axis
        assert getattr(self.explorer, name) in {axis, None}

    @rule()
    def reset_axes(self) -> None:
        with self.explorer.hold_trait_notifications():
            self.explorer.x_axis = self.explorer.y_axis = None

    @rule()
    def pin(self) -> None:
        if len(self.explorer.pins) < MOST_PINS:
            self.explorer.chart.compare.pin_button.click()
            assert self.explorer.pins[-1]["settings"] == self.explorer.settings()

    @rule(text=st.sampled_from(["L4", "KV cache offloaded: 0.1", "hardware: nonsense"]))
    def compare(self, text: str) -> None:
        before = self.explorer.compared
        if len(before) < MOST_PINS:
            self.explorer.chart.compare.search.value = text
            assert len(self.explorer.compared) - len(before) == ("nonsense" not in text)

    @rule()
    def take_off(self) -> None:
        chips = self.explorer.chart.compare.chips.children
        assert len(chips) == len(self.explorer.pins) + len(self.explorer.compared)
        if chips:
            chips[0].click()

    @rule(at=st.integers(0, 10_000))
    def select(self, at: int) -> None:
        row = at % len(self.explorer.df)
        self.explorer.select(row)
        assert self.explorer.selected_row == row

    @rule(name=st.sampled_from(["first", "previous", "next", "last", "clear"]))
    def step(self, name: str) -> None:
        self.explorer.chart.stepper.buttons[name].click()

    @invariant()
    def shows_what_the_core_says(self) -> None:
        asked, frame = tuple(self.explorer.settings().items()), self.explorer.df
        if asked != self.checked[0] or frame is not self.checked[1]:
            pd.testing.assert_frame_equal(frame, expected(asked))
            self.checked = asked, frame
        assert self.explorer.request == self.explorer.make_request()

    @invariant()
    def front_is_the_pareto_front_of_the_axes(self) -> None:
        frame, request = self.explorer.df, self.explorer.request
        names = axes_of(usual_axes(request), self.explorer.x_axis, self.explorer.y_axis)
        axes = [AXES[name].of(request) for name in names]
        shown = [axis.shown(frame[axis.column].to_numpy()) for axis in axes]
        across, up = (one if axis.small else 1 / one for axis, one in zip(axes, shown, strict=True))
        taken = (frame["rejected_for"] == "").to_numpy() & np.isfinite(across) & np.isfinite(up)
        front = self.explorer.front.index.to_numpy()
        assert taken[front].all()
        right, above = across[taken, None], up[taken, None]
        no_worse = (across[front] <= right) & (up[front] <= above)
        assert no_worse.any(axis=1).all(), "a plan that none of the front is as good as"
        better = (right < across[front]) & (above <= up[front])
        better |= (right <= across[front]) & (above < up[front])
        assert not better.any(), "a plan of the front that another beats"

    @invariant()
    def selected_is_a_row_of_df(self) -> None:
        row, selected = self.explorer.selected_row, self.explorer.selected
        if row is None:
            assert selected is None
            assert self.explorer.selection.empty
        else:
            pd.testing.assert_series_equal(selected, self.explorer.df.iloc[row])
            assert self.explorer.selection.index.tolist() == [row]

    @invariant()
    def a_text_is_the_setting_or_has_a_message(self) -> None:
        for name in TYPED:
            field, value = self.explorer.form.fields[name], getattr(self.explorer, name)
            shown = "" if value is None else value if name in NAMES else number_text(value)
            assert (field.text.value != shown) == ("alert" in field.message.value)

    def _contradicts(self, name: str, value: Any) -> bool:
        """Say whether a value is wrong beside the present settings."""
        asked = {**self.explorer.settings(), name: value}
        return (
            (asked["devices_min"] or 0) > asked["devices"]
            or asked["batch_min"] > asked["batch_max"]
            or (asked["speculative_tokens"] > 0 and asked["draft_model"] is None)
            or (asked["weights_offload"] > 0 and asked["weights_offload_gib"] > 0)
        )


ExplorerStates.TestCase.settings = settings(
    max_examples=21,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestExplorerStates = ExplorerStates.TestCase
