"""Configurations of every kind of layer, as runs of the flat path."""

from __future__ import annotations

from typing import Any

import pytest

from llmcalc_core import find_hardware, find_model, parse_precision
from llmcalc_core.architecture.model import architecture
from llmcalc_core.fitting.run import METRICS, Configuration, Run
from llmcalc_core.fitting.runs import Runs
from llmcalc_core.hub.published_fp8 import served_precision
from llmcalc_core.workload.layout import Layout

# Model, device, precision, layout, engine: each kind of token mixer and of channel mixer, widths
# within a node and beyond one.
SAMPLE = {
    "dense": ("llama2_7b", "A100_80GB", "bf16", Layout(tp=1), "fastertransformer"),
    "grouped query": ("llama3_70b", "H100_80GB", "fp8", Layout(tp=4), "vllm"),
    "two nodes": ("llama3_70b", "H100_80GB", "bf16", Layout(tp=16), "trtllm"),
    "unpacked": ("llama3_8b", "L40S", "w4a16", Layout(tp=2), "lmdeploy"),
    "mixture": ("mixtral_8x7b", "MI300X", "bf16", Layout(tp=2), "vllm"),
    "expert parallel": ("mixtral_8x7b", "H200_141GB", "fp8", Layout(tp=8, ep=4), "sglang"),
    "latent": ("deepseek_v3", "H200_141GB", "fp8", Layout(tp=8, ep=8), "sglang"),
    "attention ranks": (
        "deepseek_v3",
        "B200_180GB",
        "fp4",
        Layout(tp=1, ep=8, attention_dp=8),
        "trtllm",
    ),
    "hybrid": ("qwen3_5_397b_a17b", "B200_180GB", "fp8", Layout(tp=4, ep=4), "vllm"),
    "state space": ("jamba_v0_1", "H100_80GB", "bf16", Layout(tp=4), "vllm"),
    "window": ("gpt_oss_120b", "B200_180GB", "fp4", Layout(tp=2), "trtllm"),
}
SAMPLED = pytest.mark.parametrize("sample", SAMPLE.values(), ids=list(SAMPLE))
WORKLOADS = [(1, 100, 1), (3, 2000, 100), (40, 600, 300)]
EXACT = 1e-9


def configuration(sample: tuple[Any, ...], work: tuple[int, int, int], *, loop: bool) -> Any:
    name, device, bits, layout, engine = sample
    return Configuration(
        model=architecture(find_model(name)),
        hardware=find_hardware(device),
        precision=served_precision(parse_precision(bits), find_model(name)),
        layout=layout,
        engine=engine,
        loop=loop,
        batch=work[0],
        input_tokens=work[1],
        output_tokens=work[2],
    )


def runs_of(*configurations: Configuration) -> Runs:
    """Every metric of every configuration, with a time that is not the estimate."""
    return Runs(
        [
            Run(configuration=one, metric=metric, seconds=1.0)
            for one in configurations
            for metric in METRICS
        ]
    )


def two_engines() -> Runs:
    """One engine serving a dense model, another running a static batch of a mixture."""
    serving = configuration(SAMPLE["grouped query"], (3, 2000, 100), loop=True)
    static = configuration(SAMPLE["attention ranks"], (3, 2000, 100), loop=False)
    return runs_of(serving, static)
