"""Devices beside each other without a browser: settings in, the best plan of each out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from typing import Any

import ipywidgets
import pandas as pd
import pytest
from traitlets import TraitError

from llmcalc_core import compare_hardware, explore, find_hardware
from llmcalc_widgets import HardwareComparer
from llmcalc_widgets.form.controls import ChipsField
from llmcalc_widgets.text.units import number

NASTY = "<img src=x onerror=alert(1)>"
THREE = ("A100_80GB", "H100_80GB", "H200_141GB")


@pytest.fixture
def comparer() -> Iterator[HardwareComparer]:
    made = HardwareComparer(model="llama2_70b", hardware=THREE, devices=4, devices_min=2)
    yield made
    made.close()


def text_of(page: str) -> str:
    return unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL))


def test_df_is_the_best_of_what_explore_gives(comparer: HardwareComparer) -> None:
    comparer.tpot_limit_ms = 30
    frame = explore("llama2_70b", THREE, [2, 4], phase="serving", tpot_limit_s=0.03)
    pd.testing.assert_frame_equal(comparer.df, compare_hardware(frame))
    comparer.metric = "tokens_per_joule"
    pd.testing.assert_frame_equal(comparer.df, compare_hardware(frame, "tokens_per_joule"))


def test_the_code_gives_the_same_and_follows_while_it_is_seen(comparer: HardwareComparer) -> None:
    assert not hasattr(comparer.code, "listing")  # nothing is made before it is seen
    comparer.code.reveal()
    comparer.metric = "tokens_per_usd"
    comparer.hardware = ("L40S", find_hardware("H100_80GB").replace(name="mine", memory_bytes=9e10))
    comparer.prefix_hit_rate = 0.5
    scope: dict[str, Any] = {}
    exec(comparer.to_code(), scope)  # noqa: S102 - what it is for
    pd.testing.assert_frame_equal(scope["df"], comparer.df)
    assert escape(comparer.to_code()) in comparer.code.listing.value
    assert ">Copy</button>" in comparer.code.listing.value


def test_bars_are_as_long_as_the_figures(comparer: HardwareComparer) -> None:
    comparer.metric = "tokens_per_usd"
    wide = [float(one) for one in re.findall(r'<rect [^>]*width="([\d.]+)"', comparer.answer.value)]
    figures = comparer.df["tokens_per_usd"]
    assert wide == pytest.approx(list(figures / figures[0] * wide[0]), abs=0.1)
    for figure in figures:
        assert comparer.answer.value.count(number(figure)) >= 2  # at the bar, and in the table


def test_without_a_price_a_device_says_so_and_has_no_bar(comparer: HardwareComparer) -> None:
    comparer.hardware = ("MI350X", "H100_80GB")
    comparer.metric = "tokens_per_usd"
    assert list(comparer.df["hardware"]) == ["H100_80GB", "MI350X"]
    assert comparer.answer.value.count("<rect") == 1
    assert "no price" in text_of(comparer.answer.value)


def test_a_device_as_good_as_the_best_is_like_it(comparer: HardwareComparer) -> None:
    comparer.hardware = ("H100_80GB", find_hardware("H100_80GB").replace(name="H100_80GB of mine"))
    assert "tokens/s per device, like H100_80GB of mine." in text_of(comparer.answer.value)


def test_prices_of_different_kinds_are_named(comparer: HardwareComparer) -> None:
    comparer.hardware = ("Gaudi3", "H100_80GB")
    assert "different kinds" not in text_of(comparer.answer.value)  # per device
    comparer.metric = "tokens_per_usd"
    told = text_of(comparer.answer.value)
    assert "compare only roughly: assumed: list price over 4 years; cloud." in told
    assert "(price: assumed)" in told  # beside its bar
    assert f"{number(find_hardware('Gaudi3').price_per_hour)} assumed" in told
    assert f"{number(find_hardware('H100_80GB').price_per_hour)} cloud" in told
    comparer.hardware = ("A100_80GB", "H100_80GB")
    assert "different kinds" not in text_of(comparer.answer.value)
    comparer.hardware = ("RTX_5080", "H100_80GB")  # bought, and too small
    assert "different kinds" not in text_of(comparer.answer.value)


def test_what_does_not_fit_or_keep_the_limits_says_by_how_much(
    comparer: HardwareComparer,
) -> None:
    comparer.hardware = ("T4", "H100_80GB")
    page = text_of(comparer.answer.value)
    assert "does not fit" in page
    assert "1 device can't serve it" in page
    comparer.hardware = "T4"
    assert "No plan on any of these devices" in text_of(comparer.answer.value)
    comparer.hardware, comparer.ttft_limit_ms = "A100_80GB", 1
    assert "over the limit of 1.00 ms to the first token" in text_of(comparer.answer.value)


def chips(field: ChipsField) -> list[str]:
    return [chip.description.rpartition(" ")[0] for chip in field.chips.children]


def test_controls_and_traits_follow_each_other(comparer: HardwareComparer) -> None:
    field = comparer.form.fields["hardware"]
    assert chips(field) == [*THREE]
    field.chips.children[0].click()
    assert comparer.hardware == THREE[1:]
    field.text.value = "l40s"
    assert (comparer.hardware, field.text.value) == ((*THREE[1:], "L40S"), "")
    assert chips(field) == [*THREE[1:], "L40S"]
    assert set(comparer.df["hardware"]) == {*THREE[1:], "L40S"}
    field.text.value = "L41S"
    assert "did you mean" in field.message.value
    assert comparer.hardware == (*THREE[1:], "L40S")
    own = find_hardware("H200_141GB").replace(name=NASTY, memory_bandwidth=9e12)
    comparer.hardware = ("H100_80GB", own)
    assert chips(field) == ["H100_80GB", NASTY]
    assert field.message.value == ""
    assert NASTY in list(comparer.df["hardware"])
    assert "<img" not in comparer.answer.value
    comparer.form.fields["metric"].dropdown.value = "tokens_per_joule"
    assert comparer.metric == "tokens_per_joule"
    comparer.workload = "chat"
    assert (comparer.input_tokens, comparer.tpot_limit_ms) == (1000, 40)


def test_wrong_settings_are_refused(comparer: HardwareComparer) -> None:
    with pytest.raises(TraitError, match="H100"):
        comparer.hardware = ("H101_80GB",)
    with pytest.raises(TraitError, match="one device or more"):
        comparer.hardware = ()
    with pytest.raises(TypeError, match=r"HardwareComparer .*'metric'"):
        HardwareComparer(metrc="tokens_per_usd")
    with pytest.raises(TraitError, match="chat"):
        HardwareComparer(workload="chatt")
    field = comparer.form.fields["hardware"]
    for _ in THREE:
        field.chips.children[0].click()
    assert "one device or more" in comparer.error
    assert comparer.hardware == THREE[-1:]


def test_it_closes_what_it_made() -> None:
    before = set(ipywidgets.widgets.widget._instances)
    made = HardwareComparer(hardware=THREE)
    made.metric = "tokens_per_usd"
    made.close()
    assert set(ipywidgets.widgets.widget._instances) == before
