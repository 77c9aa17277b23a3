"""Fewest devices for a load without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import ipywidgets
import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import find_hardware, find_slo_plan
from llmcalc_widgets import SloFinder
from llmcalc_widgets.text.units import number

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


def test_it_closes_what_it_made() -> None:
    before = set(ipywidgets.widgets.widget._instances)
    made = SloFinder(hardware="H100_80GB")
    made.requests_per_s = 3
    made.close()
    assert set(ipywidgets.widgets.widget._instances) == before
