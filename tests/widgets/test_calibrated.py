"""The explorer with a device that was calibrated with rows of one's own."""

from __future__ import annotations

from llmcalc_core import calibrate
from llmcalc_widgets import ParetoExplorer


def test_the_explorer_takes_a_calibrated_device() -> None:
    row = {
        "model": "llama3_8b", "tensor_parallel": 1, "input_tokens": 1000, "output_tokens": 200,
        "tpot_ms": 50.0,
    }  # fmt: skip
    found = calibrate([row | {"concurrency": count} for count in (1, 8, 32)], "H100_80GB")
    explorer = ParetoExplorer(model="llama3_8b", hardware="H100_80GB", devices=2)
    usual = explorer.df["tpot_s"].min()
    explorer.hardware = found.hardware
    assert explorer.hardware == found.hardware
    assert explorer.df["tpot_s"].min() > 1.2 * usual
    explorer.hardware = "H100_80GB"
    assert explorer.df["tpot_s"].min() == usual
    explorer.close()
