"""The precision of a model's own checkpoint in the explorer."""

from __future__ import annotations

from dataclasses import replace

from llmcalc_core import find_model
from llmcalc_widgets import ParetoExplorer

FP8 = replace(find_model("llama3_8b"), precision="fp8", model="an FP8 checkpoint")


def test_the_form_offers_the_checkpoint_and_starts_with_it() -> None:
    explorer = ParetoExplorer(model=FP8, hardware="H100_80GB", devices=1)
    assert explorer.precision == explorer.form.fields["precision"].dropdown.value == "checkpoint"
    assert explorer.df["precision"].unique().tolist() == ["fp8"]
    explorer.form.fields["precision"].dropdown.value = "bf16"
    assert explorer.df["precision"].unique().tolist() == ["bf16"]
    explorer.precision = "Checkpoint"
    assert explorer.df["precision"].unique().tolist() == ["fp8"]
    explorer.close()
