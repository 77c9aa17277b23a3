"""Fewest devices for a load without a browser."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import ipywidgets
import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import find_hardware, find_slo_plan, load_curve, slo_replicas
from llmcalc_widgets import SloFinder
from llmcalc_widgets.text.units import number, seconds

NASTY = "<img src=x onerror=alert(1)>"
TWO = ("H100_80GB", "B200_180GB")


@pytest.fixture
def finder() -> Iterator[SloFinder]:
    made = SloFinder(
        model="llama2_70b", hardware=TWO, requests_per_s=20, tpot_limit_ms=30, ttft_limit_ms=1000
    )
    yield made
    made.close()


def text_of(page: str) -> str:
    return unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL))


def test_df_is_what_the_core_finds(finder: SloFinder) -> None:
    limits = {"ttft_limit_s": 1.0, "tpot_limit_s": 0.03, "replica_devices": [1, 2, 4, 8]}
    pd.testing.assert_frame_equal(finder.df, find_slo_plan("llama2_70b", TWO, 20, **limits))
    finder.requests_per_s = 35
    pd.testing.assert_frame_equal(finder.df, find_slo_plan("llama2_70b", TWO, 35, **limits))


def test_the_code_gives_the_same(finder: SloFinder) -> None:
    finder.requests_per_s = 7.5
    scope: dict[str, Any] = {}
    exec(finder.to_code(), scope)  # noqa: S102 - what it is for
    pd.testing.assert_frame_equal(scope["df"], finder.df)


def test_the_answer_is_said_in_words(finder: SloFinder) -> None:
    first = finder.df.iloc[0]
    page = text_of(finder.answer.value)
    said = f"{first['hardware']}: {first['replicas']} replicas of {first['replica_devices']}, "
    assert said + f"{first['devices']} devices in all" in page
    assert f"carries up to {number(first['replica_requests_per_s'])} requests/s" in page
    assert f"of which {number(20 / first['replicas'])} are asked" in page
    finder.requests_per_s = 0.1
    assert "one replica of" in text_of(finder.answer.value)


def test_limits_that_nothing_keeps_are_said_so(finder: SloFinder) -> None:
    finder.tpot_limit_ms = 1
    page = text_of(finder.answer.value)
    assert "No plan on any of these devices" in page
    assert "over the limit of 1.00 ms" in page
    assert "<rect" not in finder.answer.value


def test_controls_set_the_load_and_say_what_is_wrong(finder: SloFinder) -> None:
    field = finder.form.fields["requests_per_s"]
    field.text.value = "50"
    assert finder.requests_per_s == 50
    before = finder.df
    field.text.value = "none"
    assert "above 0" in finder.error
    assert finder.df is before
    field.text.value = "60"
    assert not finder.error
    with pytest.raises(TraitError, match="above 0"):
        finder.requests_per_s = -1
    with pytest.raises(TypeError, match=r"SloFinder .*'requests_per_s'"):
        SloFinder(request_per_s=3)


def test_names_are_text(finder: SloFinder) -> None:
    own = find_hardware("H200_141GB").replace(name=NASTY, memory_bandwidth=9e12)
    finder.hardware = own
    assert finder.df["hardware"][0] == NASTY
    assert "<img" not in finder.answer.value


def test_a_percentile_is_simulated_and_so_is_what_its_code_gives(finder: SloFinder) -> None:
    finder.devices, finder.percentile = 1, "p95"
    limits = {"ttft_limit_s": 1.0, "tpot_limit_s": 0.03, "replica_devices": [1]}
    own = find_slo_plan("llama2_70b", TWO, 20, percentile=0.95, **limits)
    pd.testing.assert_frame_equal(finder.df, own)
    page = text_of(finder.answer.value)
    first = own.iloc[0]
    assert "Fewest devices for 20 requests/s with the limits kept at p95" in page
    assert f"at which p95 of TTFT is {seconds(first['ttft_s'])}" in page
    assert "p95 of TPOT [ms]" in page
    assert "in flight" not in page, "how many are in the mean is another question"
    scope: dict[str, Any] = {}
    exec(finder.to_code(), scope)  # noqa: S102 - what it is for
    pd.testing.assert_frame_equal(scope["df"], own)
    again = SloFinder.from_config(finder.to_config())
    assert again.percentile == "p95"
    pd.testing.assert_frame_equal(again.df, own)
    again.close()
    finder.percentile = "mean"
    pd.testing.assert_frame_equal(finder.df, find_slo_plan("llama2_70b", TWO, 20, **limits))


def test_techniques_are_simulated_at_a_percentile(finder: SloFinder) -> None:
    finder.percentile, finder.prefix_hit_rate = "p95", 0.5
    own = find_slo_plan(
        "llama2_70b", TWO, 20, percentile=0.95, ttft_limit_s=1.0, tpot_limit_s=0.03,
        replica_devices=[1, 2, 4, 8], prefix_hit_rate=0.5,
    )  # fmt: skip
    pd.testing.assert_frame_equal(finder.df, own)
    finder.load_fold.reveal()
    assert "50 % of the prompt cached" in finder.load_panel.status.value
    assert len(finder.load_curve) == 12


def test_devices_that_will_not_do_are_rows_at_a_percentile_too() -> None:
    made = SloFinder(
        model="llama3_70b", hardware=["H100_80GB", "L40S", "T4"], workload="chat", devices=8,
        percentile="p95", ttft_limit_ms=300,
    )  # fmt: skip
    page = " ".join(text_of(made.answer.value).split())
    assert [*made.df["hardware"]] == ["H100_80GB", "L40S", "T4"]
    assert "L40S over the limit of 300 ms to the first token at p95, at best with TP 8" in page
    assert "T4 does not fit: " in page
    made.close()


def test_another_load_is_not_simulated_anew(
    finder: SloFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder.devices, finder.percentile = 1, "p90"
    before = int(finder.df["devices"][0])
    monkeypatch.setattr("llmcalc_widgets.settings.load.slo_replicas", _never)
    finder.requests_per_s = 200
    assert finder.df["devices"][0] > before
    finder.percentile = "mean"
    finder.percentile = "p90"
    assert finder.df["devices"][0] > before


def _never(*_: object, **__: object) -> None:
    raise AssertionError


def test_what_is_not_simulated_is_said_at_the_percentile(finder: SloFinder) -> None:
    finder.devices, finder.percentile = 1, "p95"
    frame = finder.df
    finder.offload_to_fit = True
    said = "Offload to fit must be left out of a simulation, which does not follow it, got True"
    assert finder.error == f"percentile: {said}"
    assert said in finder.form.fields["percentile"].message.value
    assert finder.df is frame
    finder.offload_to_fit = False
    assert finder.error == ""
    first = SloFinder(hardware="L4", offload_to_fit=True, percentile="p95", model="llama3_8b")
    assert first.df is None
    with pytest.raises(ValueError, match="needs an answer first: percentile: Offload to fit"):
        first.to_code()
    first.load_fold.reveal()
    first.percentile = "mean"
    assert len(first.df) == 1
    first.close()


def slow_replicas(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let a simulation take a while, and note the percentile of each that is begun."""
    seen: list[float] = []

    def slow(*asked: Any, progress: Any = None, **given: Any) -> Any:
        seen.append(given["percentile"])
        for step in range(5):
            time.sleep(0.03)
            if progress is not None and progress(step / 5) is False:
                raise RuntimeError(step)
        return slo_replicas(*asked, **given)

    monkeypatch.setattr("llmcalc_widgets.settings.load.slo_replicas", slow)
    return seen


async def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def test_a_control_asks_in_the_background_and_the_last_one_wins(
    finder: SloFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = slow_replicas(monkeypatch)
    finder.devices = 1
    before = finder.df

    async def run() -> None:
        field = finder.form.fields["percentile"].dropdown
        field.value = "p99"
        assert finder.df is before
        assert finder.notice.layout.display is None
        assert "llmcalc-stale" in finder.answer._dom_classes
        await until(lambda: seen)
        await until(lambda: "20 %" in finder.notice._bar.value)
        field.value = "p50"
        await until(lambda: finder.df is not before)
        assert seen == [0.99, 0.5]
        assert "at p50" in finder.answer.value
        assert finder.notice.layout.display == "none"
        assert "llmcalc-stale" not in finder.answer._dom_classes

    asyncio.run(run())


def test_cancelling_goes_back_to_the_settings_of_the_answer(
    finder: SloFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = slow_replicas(monkeypatch)
    before = finder.df

    async def run() -> None:
        finder.form.fields["percentile"].dropdown.value = "p99"
        finder.form.fields["output_tokens"].text.value = "77"
        await until(lambda: seen)
        finder.notice.button.click()
        assert (finder.percentile, finder.output_tokens) == ("mean", 256)
        assert finder.notice.layout.display == "none"
        await asyncio.sleep(0.3)
        pd.testing.assert_frame_equal(finder.df, before)
        assert seen == [0.99]

    asyncio.run(run())


def test_code_does_not_go_on_before_the_answer_is_there(finder: SloFinder) -> None:
    finder.devices = 1

    async def run() -> float:
        finder.percentile = "p99"
        return float(finder.df["ttft_s"][0])

    own = find_slo_plan(
        "llama2_70b", TWO, 20, percentile=0.99, ttft_limit_s=1.0, tpot_limit_s=0.03,
        replica_devices=[1],
    )  # fmt: skip
    assert asyncio.run(run()) == own["ttft_s"][0]


def test_the_load_curve_is_of_the_row_that_is_chosen(finder: SloFinder) -> None:
    finder.load_fold.reveal()
    assert [name for name, _ in finder.picker.dropdown.options] == [
        "the fewest devices", *finder.df["hardware"],
    ]  # fmt: skip
    last = str(finder.df["hardware"].iloc[-1])
    finder.picker.dropdown.value = last
    assert finder.load_of == last
    row = finder.df.iloc[-1]
    own = load_curve(
        "llama2_70b", last, tp=int(row["tp"]), ep=int(row["ep"]), ttft_limit_s=1.0,
        tpot_limit_s=0.03,
    )  # fmt: skip
    pd.testing.assert_frame_equal(finder.load_curve, own)
    again = SloFinder.from_config(finder.to_config())
    assert again.load_of == last
    again.close()
    with pytest.raises(TraitError, match="load_of must be None or one of hardware, H100_80GB"):
        finder.load_of = "L4"
    finder.hardware = TWO if last not in TWO else tuple({*TWO} - {last})
    assert finder.load_of is None
    finder.picker.dropdown.value = ""
    assert finder.load_of is None


def test_it_closes_what_it_made() -> None:
    before = set(ipywidgets.widgets.widget._instances)
    made = SloFinder(hardware="H100_80GB")
    made.requests_per_s = 3
    made.close()
    assert set(ipywidgets.widgets.widget._instances) == before


def test_a_simulation_that_fails_is_said_and_raised(
    finder: SloFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr("llmcalc_widgets.settings.load.slo_replicas", fail)
    with pytest.raises(KeyError, match="lost"):
        finder.percentile = "p99"
    assert finder.error == "percentile: The simulation failed: KeyError: 'lost'"
