"""Two pools without a browser: settings in, the best split and both fronts out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import explore_disaggregated, find_hardware
from llmcalc_widgets import PoolPlanner, Workbench
from llmcalc_widgets.panels.pools_page import pool_devices, split_of, summary
from llmcalc_widgets.settings.pools import SEPARATE, TOGETHER, PoolAnswer
from llmcalc_widgets.text.units import number, seconds

NASTY = "<img src=x onerror=alert(1)>"
ASKED: dict[str, Any] = {"model": "llama3_70b", "hardware": "H100_80GB", "input_tokens": 4000}


@pytest.fixture
def planner() -> Iterator[PoolPlanner]:
    made = PoolPlanner(**ASKED)
    yield made
    made.close()


def text_of(page: str) -> str:
    return unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL))


def answer_of(planner: PoolPlanner) -> PoolAnswer:
    found: PoolAnswer = planner.state.evaluation
    return found


def test_df_is_what_the_core_finds(planner: PoolPlanner) -> None:
    planner.set_trait("decode_hardware", "H200")
    planner.devices, planner.devices_min, planner.prefill_devices = 32, 16, 8
    planner.link_gb_per_s, planner.prefix_hit_rate, planner.precision = 25, 0.5, "fp8"
    expected = explore_disaggregated(
        "llama3_70b", "H100_80GB", "H200_141GB", [16, 32], prefill_devices=8, precision="fp8",
        input_tokens=4000, output_tokens=256, link_bandwidth=25e9, prefix_hit_rate=0.5,
        ttft_limit_s=2.0, tpot_limit_s=0.04,
    )  # fmt: skip
    assert not planner.error
    pd.testing.assert_frame_equal(planner.df, expected)


def test_the_code_and_the_configuration_give_the_same(planner: PoolPlanner) -> None:
    planner.decode_hardware = find_hardware("H200_141GB").replace(name="mine", memory_bytes=9e10)
    planner.context_parallel_max, planner.decode_devices, planner.enforce_eager = 2, 8, True
    scope: dict[str, Any] = {}
    exec(planner.to_code(), scope)  # noqa: S102 - what it is for
    pd.testing.assert_frame_equal(scope["df"], planner.df)
    again = PoolPlanner.from_config(planner.to_config())
    pd.testing.assert_frame_equal(again.df, planner.df)
    again.close()


def test_the_card_says_the_best_split(planner: PoolPlanner) -> None:
    best = answer_of(planner).best(SEPARATE)
    told = text_of(planner.answer.value)
    figures = [
        split_of(best), seconds(best["ttft_s"]), seconds(best["tpot_s"]),
        number(best["cost_usd_per_hour"]), number(best["cost_usd_per_million_input_tokens"]),
        number(best["cost_usd_per_million_output_tokens"]), number(best["requests_per_s"]),
    ]  # fmt: skip
    for figure in figures:
        assert figure in told
    assert pool_devices(best, "prefill") + pool_devices(best, "decode") == best["devices"]


def test_the_best_is_the_quickest_of_about_the_most(planner: PoolPlanner) -> None:
    answer = answer_of(planner)
    for serving in (SEPARATE, TOGETHER):
        able, best = answer.able(serving), answer.best(serving)
        most = able["tokens_per_s_per_device"].max()
        assert best["tokens_per_s_per_device"] >= 0.98 * most
        near = able[able["tokens_per_s_per_device"] >= 0.98 * most]
        assert best["e2e_latency_s"] == near["e2e_latency_s"].min()
        assert best["tpot_s"] <= 0.04
        assert best["ttft_s"] <= 2.0


def test_a_front_is_beaten_by_nothing_of_its_kind(planner: PoolPlanner) -> None:
    for serving in (SEPARATE, TOGETHER):
        able, front = answer_of(planner).able(serving), answer_of(planner).front(serving)
        times, gains = (able[name].to_numpy() for name in ("tpot_s", "tokens_per_s_per_device"))
        for row in front.itertuples():
            beats = (times <= row.tpot_s) & (gains > row.tokens_per_s_per_device)
            assert not beats.any()
        assert np.all(np.diff(front["tokens_per_s_per_device"]) > 0)
        assert planner.answer.value.count("<circle") > len(front)


def test_words_say_whether_it_pays(planner: PoolPlanner) -> None:
    answer = answer_of(planner)
    apart, joint = answer.best(SEPARATE), answer.best(TOGETHER)
    change = apart["tokens_per_s_per_device"] / joint["tokens_per_s_per_device"] - 1
    assert change > 0.1
    assert f"Separate pools pay: +{change:.1%}".replace("%", " %") in summary(answer)
    planner.ttft_limit_ms = 1
    assert "Neither" in planner.words()
    assert "No split keeps the limits" in planner.answer.value
    assert "<table" not in planner.answer.value


def test_wrong_values_say_what_is_wrong(planner: PoolPlanner) -> None:
    before = planner.df
    with pytest.raises(TraitError, match="link_gb_per_s must be a number above 0 GB/s, got -1"):
        planner.link_gb_per_s = -1
    with pytest.raises(TraitError, match="did you mean"):
        planner.decode_hardware = "H20O"
    with pytest.raises(TypeError, match="did you mean 'prefill_devices'"):
        PoolPlanner(prefill_device=4)
    with pytest.raises(AttributeError, match="no setting 'phase'"):
        planner.phase = "decode"
    planner.devices = 1
    assert "at least 2" in planner.error
    assert planner.df is before
    planner.devices = 16
    assert not planner.error


def test_a_model_that_fits_nowhere_is_an_error_in_the_form() -> None:
    small = PoolPlanner(model="deepseek_v3", hardware="L4", devices=2)
    assert "fit" in small.error
    small.devices, small.model = 4, "llama3_8b"
    assert not small.error
    assert small.df is not None
    small.close()


def test_names_are_text(planner: PoolPlanner) -> None:
    planner.hardware = find_hardware("H100_80GB").replace(name=NASTY)
    assert NASTY not in planner.answer.value
    assert NASTY in text_of(planner.answer.value)


def test_a_workbench_shares_what_is_set_with_its_pools() -> None:
    bench = Workbench(model="llama3_70b", hardware="H200_141GB", devices=16, tpot_limit_ms=30)
    pools = bench.reveal("Pools")
    assert (pools.model, pools.hardware, pools.devices) == ("llama3_70b", "H200_141GB", 16)
    assert pools.tpot_limit_ms == 30
    pools.input_tokens = 8000
    assert bench.reveal("Plans").input_tokens == 8000
    again = Workbench.from_config(bench.to_config())
    assert again.reveal("Pools").input_tokens == 8000
    again.close()
    bench.close()
