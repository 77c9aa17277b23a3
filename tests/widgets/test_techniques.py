"""Techniques and prices in the form: folded, neutral, said where they count, and given back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

import pandas as pd
import pytest
from ipywidgets.widgets import widget
from traitlets import TraitError

from llmcalc_core import explore
from llmcalc_widgets import ParetoExplorer
from llmcalc_widgets.form.fields import NumberField
from llmcalc_widgets.settings.registry import DEFAULTS, PRICES, TECHNIQUES

CASES: list[tuple[dict[str, Any], str]] = [
    ({"prefix_hit_rate": 0.5}, "50 % of the prompt cached"),
    ({"lora_adapters": 8, "lora_rank": 64}, "8 LoRA adapters of rank 64"),
    ({"weights_offload": 0.25}, "25 % of the weights in host memory"),
    ({"weights_offload_gib": 2.5}, "2.5 GiB of each device's weights in host memory"),
    ({"kv_offload": 0.1}, "10 % of the KV cache in host memory"),
    ({"prefill_chunk_tokens": 1024, "phase": "serving"}, "at most 1,024 tokens a step"),
    (
        {"speculative_tokens": 3, "acceptance_rate": 0.7, "draft_model": "llama3_2_1b"},
        "3 tokens drafted by meta-llama/Llama-3.2-1B, 70 % accepted",
    ),
    ({"offload_to_fit": True}, "as much in host memory as a plan needs to fit"),
    ({"price_per_hour": 2.5}, "at 2.5 USD/h a device"),
    ({"power_watts": 400.0}, "at 400 W a device"),
]


@pytest.fixture
def explorer() -> Iterator[ParetoExplorer]:
    made = ParetoExplorer(
        model="llama3_8b", hardware="H100_80GB", devices=2, batch_max=16, phase="decode"
    )
    yield made
    made.close()


@pytest.mark.parametrize(("settings", "words"), CASES)
def test_each_is_what_the_core_says_and_stands_in_the_headline(
    explorer: ParetoExplorer, settings: dict[str, Any], words: str
) -> None:
    assert words not in explorer.chart._head.value
    explorer.update(**settings)
    batches = [1, 2, 4, 8, 16]
    given = {"phase" if name == "phase" else name: one for name, one in settings.items()}
    expected = explore("llama3_8b", "H100_80GB", 2, batch=batches, **given)
    pd.testing.assert_frame_equal(explorer.df, expected)
    assert escape(words) in explorer.chart._head.value
    names: dict[str, Any] = {}
    exec(explorer.to_code(), names)  # noqa: S102 - it is to be run
    pd.testing.assert_frame_equal(names["df"], explorer.df)
    assert "Hardware(" not in explorer.to_code()
    again = ParetoExplorer.from_config(json.loads(json.dumps(explorer.to_config())))
    assert again.settings() == explorer.settings()
    again.close()


def test_wider_context_parallel_is_tried_and_said(explorer: ParetoExplorer) -> None:
    explorer.context_parallel_max = 2
    assert set(explorer.df["cp"]) == {1, 2}
    assert "context parallel 1 to 2" in explorer.chart._head.value


def test_nothing_folded_is_made_before_it_is_opened(explorer: ParetoExplorer) -> None:
    registry = widget._instances
    before = len(registry)
    assert not {*TECHNIQUES, *PRICES} & set(explorer.form.fields)
    explorer.prefix_hit_rate = 0.4
    assert len(registry) == before
    assert explorer.form.folds["Techniques"].button.description == "Techniques (1 set)"
    explorer.form.reveal("Techniques")
    assert explorer.form.fields["prefix_hit_rate"].slider.value == 0.4
    explorer.prefix_hit_rate = 0
    assert explorer.form.folds["Techniques"].button.description == "Techniques"
    with pytest.raises(ValueError, match="'Techniques', 'Prices'"):
        explorer.form.reveal("Technique")
    made = {field.model_id for field in explorer.form.fields.values()}
    explorer.close()
    assert not set(registry) & made


def test_what_is_of_no_account_is_off_and_says_why(explorer: ParetoExplorer) -> None:
    explorer.form.reveal("Techniques")
    fields = explorer.form.fields

    def off() -> set[str]:
        numbers = (name for name in TECHNIQUES if isinstance(fields[name], NumberField))
        return {name for name in numbers if fields[name].text.disabled}

    assert off() == {"prefill_chunk_tokens", "acceptance_rate", "lora_rank"}
    assert "In phase serving only" in fields["prefill_chunk_tokens"].message.value
    assert "alert" not in fields["prefill_chunk_tokens"].message.value
    explorer.update(phase="serving", lora_adapters=2)
    assert off() == {"acceptance_rate"}
    explorer.prefill_chunk_tokens = 512
    explorer.phase = "decode"
    assert explorer.error == ""
    assert explorer.request.techniques[0].prefill_chunk_tokens is None


def test_tokens_need_something_that_drafts_them(explorer: ParetoExplorer) -> None:
    explorer.form.reveal("Techniques")
    fields = explorer.form.fields
    fields["speculative_tokens"].text.value = "4"
    assert "eed a draft model" in fields["speculative_tokens"].message.value
    assert explorer.speculative_tokens == 0
    fields["draft_model"].text.value = "llama3_2_1b"
    assert (explorer.speculative_tokens, explorer.error) == (4, "")
    fields["draft_model"].text.value = ""
    assert "eed a draft model" not in fields["speculative_tokens"].message.value
    assert "eed a draft model" in fields["draft_model"].message.value
    fields["speculative_tokens"].text.value = "0"
    assert (explorer.draft_model, explorer.error) == (None, "")
    explorer.update(model="deepseek_v3", devices=16, speculative_tokens=1)
    assert "At 0 no token is drafted" in fields["acceptance_rate"].message.value
    assert not fields["acceptance_rate"].text.disabled
    assert "drafted" not in explorer.chart._head.value
    explorer.acceptance_rate = 0.85
    assert fields["acceptance_rate"].message.value == ""
    assert "1 token drafted by the model itself" in explorer.chart._head.value
    with pytest.raises(TraitError, match="predicts no tokens ahead"):
        explorer.model = "llama3_8b"
    assert explorer.model == "deepseek_v3"


def test_weights_are_offloaded_by_share_or_by_gib(explorer: ParetoExplorer) -> None:
    explorer.form.reveal("Techniques")
    share, gib = (explorer.form.fields[f"weights_offload{one}"] for one in ("", "_gib"))
    share.slider.index = 5
    gib.text.value = "2.5"
    assert (
        "Either weights offload or weights offload gib must be 0, as they say the same in two "
        "ways, got 0.25 and 2.5" in gib.message.value
    )
    assert (explorer.weights_offload, explorer.weights_offload_gib) == (0.25, 0)
    share.text.value = "0"
    assert (explorer.weights_offload, explorer.weights_offload_gib) == (0, 2.5)
    assert explorer.error == ""
    with pytest.raises(TraitError, match="weights_offload_gib must be 0"):
        explorer.weights_offload = 0.5


def test_a_price_that_is_not_set_is_the_listed_one(explorer: ParetoExplorer) -> None:
    explorer.form.reveal("Prices")
    text = explorer.form.fields["price_per_hour"].text
    assert text.placeholder == "3.99 listed"
    explorer.hardware = "RTX_4090"
    assert text.placeholder.endswith("listed")
    before = explorer.df["cost_usd_per_hour"].max()
    text.value = "0"
    assert "above 0" in explorer.form.fields["price_per_hour"].message.value
    text.value = "1.25"
    assert explorer.df["cost_usd_per_hour"].max() == 1.25 * 2 != before
    text.value = ""
    assert explorer.price_per_hour is None


def test_neutral_values_ask_what_was_asked_without_them() -> None:
    explorer = ParetoExplorer(model="llama3_8b", phase="decode")
    with_all = ParetoExplorer(
        model="llama3_8b",
        phase="decode",
        **{name: DEFAULTS[name] for name in (*TECHNIQUES, *PRICES)},
    )
    assert explorer.request == with_all.request
    explorer.close()
    with_all.close()
