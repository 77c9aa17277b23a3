"""The questions of the golden file: families, devices, engines, stages, precisions, plans.

Each question is asked through the public functions alone, so that a change of the rooms behind them
needs no change here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import llmcalc_core as core

PHASES = ("decode", "prefill", "serving")
ENGINES = ("vllm", "trtllm", "sglang", "fastertransformer", "lmdeploy")
FAMILIES = (
    "llama3_8b", "llama2_70b", "mistral_7b", "gemma3_27b", "llama4_scout", "mixtral_8x7b",
    "qwen3_235b_a22b", "gpt_oss_120b", "deepseek_v3", "deepseek_v3_2", "deepseek_v4_flash",
    "falcon_mamba_7b", "nemotron_3_nano_30b_a3b", "qwen3_next_80b_a3b", "kimi_linear_48b_a3b",
    "jamba_1_5_mini",
)  # fmt: skip
"""A model of every kind of layer."""

TECHNIQUES: tuple[dict[str, Any], ...] = (
    {"prefix_hit_rate": 0.5},
    {"speculative_tokens": 3, "acceptance_rate": 0.7, "draft_model": "llama3_2_1b"},
    {"lora_adapters": 8, "lora_rank": 32},
    {"weights_offload": 0.25},
    {"kv_offload": 0.5},
    {"weights_offload_gib": 8.0},
    {"offload_to_fit": True},
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A call whose answers are predictions, and how many rows of its table are kept."""

    name: str
    call: Callable[..., Any]
    arguments: dict[str, Any]
    rows: int = 4


def questions(recorded: Iterable[str] = ()) -> Iterator[Question]:
    """Give every question, in an order that does not change.

    ``recorded`` names the questions that the file answers. What is asked of a model or a device
    follows from its place among them, so that a new one moves no other's questions.
    """
    asked = tuple(recorded)
    yield from _models(_placed(core.list_models(), "model", asked))
    yield from _devices(_placed(core.list_hardware(), "device", asked))
    yield from _families()
    yield from _precisions()
    yield from _techniques()
    yield from _workloads()
    yield from _static()
    yield from _serving()
    yield from _pools()
    yield from _single_answers()


def _placed(names: Iterable[str], kind: str, recorded: Iterable[str]) -> list[str]:
    """Put the names that were asked before in their place, and new ones after them."""
    known = dict.fromkeys(words[1] for name in recorded if (words := name.split())[0] == kind)
    places = {name: place for place, name in enumerate(known)}
    return sorted(names, key=lambda name: places.get(name, len(places)))


def _explored(name: str, rows: int, **arguments: Any) -> Question:
    return Question(name=name, call=core.explore, arguments=arguments, rows=rows)


def _models(names: Iterable[str]) -> Iterator[Question]:
    for at, model in enumerate(names):
        phase, engine = PHASES[at % 3], ENGINES[at % 3]
        yield _explored(
            f"model {model}", 4, model=model, hardware="H100_80GB", devices=8, phase=phase,
            engine=engine, batch=(1, 32),
        )  # fmt: skip
        yield Question(
            name=f"parts {model}", call=core.parameters_by_part, arguments={"model": model}
        )


def _devices(names: Iterable[str]) -> Iterator[Question]:
    models = ("llama3_8b", "mixtral_8x7b", "llama2_70b", "qwen3_30b_a3b")
    for at, (device, phase) in enumerate(product(names, PHASES)):
        yield _explored(
            f"device {device} {phase}", 3, model=models[at % 4], hardware=device,
            devices=(1, 8, 16)[at % 3], phase=phase, engine=ENGINES[at % 2], batch=(1, 8, 64),
            precision=("checkpoint", "fp8", "w4a16")[at // 3 % 3],
        )  # fmt: skip


def _families() -> Iterator[Question]:
    for at, (model, phase, engine) in enumerate(product(FAMILIES, PHASES, ENGINES[:3])):
        yield _explored(
            f"family {model} {phase} {engine}", 4, model=model,
            hardware=("H200_141GB", "B200_180GB", "MI300X")[at % 3], devices=(8, 16)[at % 2],
            phase=phase, engine=engine, input_tokens=(500, 6000), output_tokens=300,
            batch=(2, 128),
        )  # fmt: skip


def _precisions() -> Iterator[Question]:
    mixed = core.Precision(weights="fp8", activations="fp8", kv_cache="int4", experts="fp4")
    attention = core.Precision(weights="fp4", activations="fp4", attention="bf16", kv_cache="fp8")
    models, devices = ("llama3_8b", "mixtral_8x7b", "deepseek_v3"), ("B200_180GB", "A100_80GB")
    for precision, model, device in product((*core.PRECISIONS, mixed, attention), models, devices):
        label = precision if isinstance(precision, str) else precision.label
        yield _explored(
            f"precision {label} {model} {device}", 2, model=model, hardware=device, devices=16,
            precision=precision, batch=(4, 64),
        )  # fmt: skip


def _techniques() -> Iterator[Question]:
    models = ("llama3_8b", "mixtral_8x7b", "jamba_1_5_mini")
    for techniques, model, phase in product(TECHNIQUES, models, PHASES):
        yield _explored(
            f"technique {' '.join(techniques)} {model} {phase}", 2, model=model,
            hardware="H100_80GB", devices=4, phase=phase, batch=(1, 48), **techniques,
        )  # fmt: skip
    yield _explored(
        "technique own drafts", 4, model="deepseek_v3", hardware="H200_141GB", devices=8,
        speculative_tokens=1, acceptance_rate=0.8, batch=(1, 48),
    )  # fmt: skip
    yield _explored(
        "technique parts", 4, model="llama3_8b", hardware="H100_80GB", devices=2, phase="serving",
        prefill_chunk_tokens=512, input_tokens=3000, batch=(1, 48),
    )  # fmt: skip


def _workloads() -> Iterator[Question]:
    devices = {
        "cluster": core.find_hardware("H100_80GB").cluster(nodes=4, devices_per_node=8),
        "edited": core.find_hardware("H200_141GB").replace(memory_bandwidth=6e12),
        "late": core.find_hardware("B200_180GB").replace(link_latency_s=2e-5),
    }
    for name, hardware in devices.items():
        for model, phase in product(("llama2_70b", "deepseek_v3"), PHASES):
            yield _explored(
                f"workload {name} {model} {phase}", 4, model=model, hardware=hardware,
                devices=32, phase=phase, batch=(1, 64),
            )  # fmt: skip
    for model in ("llama3_8b", "gemma3_27b", "deepseek_v3_2"):
        yield _explored(
            f"workload long {model}", 6, model=model, hardware="H200_141GB", devices=8,
            phase="prefill", input_tokens=(40_000, 100_000), batch=(1, 2),
        )  # fmt: skip
        yield _explored(
            f"workload beams {model}", 3, model=model, hardware="H200_141GB", devices=8,
            beam_size=4, batch=(1, 16),
        )  # fmt: skip
    for objective in ("cost", "energy"):
        yield _explored(
            f"workload {objective}", 6, model="llama2_70b", hardware=["H100_80GB", "MI300X"],
            devices=8, objective=objective, phase="serving", ttft_limit_s=2.0,
        )  # fmt: skip


def _static() -> Iterator[Question]:
    calls = {
        "prefill": core.estimate_prefill_performance,
        "decode": core.estimate_decode_performance,
        "batch": core.estimate_end_to_end_performance,
    }
    layouts = ((1, 1), (2, 1), (4, 2), (8, 1))
    for at, ((name, call), engine, model) in enumerate(
        product(calls.items(), ENGINES, ("llama3_8b", "mixtral_8x7b", "gpt_oss_120b"))
    ):
        tp, pp = layouts[at % 4]
        yield Question(
            name=f"static {name} {engine} {model}", call=call,
            arguments={
                "model": model, "batch_size": (1, 16, 96)[at % 3], "engine": engine,
                "system_name": ("H100_80GB", "A100_80GB", "L40S", "GB200_186GB")[at % 4],
                "tensor_parallel": tp, "pipeline_parallel": pp,
            },
        )  # fmt: skip


def _serving() -> Iterator[Question]:
    ways: tuple[dict[str, Any], ...] = (
        {}, {"chunked_prefill": False}, {"fixed_lengths": True}, {"held_steps": 5.0},
        {"graph_batch_sizes": [1, 8, 64, 512]}, {"attention_data_parallel": 4},
        {"memory_fraction": 0.6},
    )  # fmt: skip
    for at, (way, engine, model) in enumerate(
        product(ways, ENGINES[:3], ("qwen3_30b_a3b", "deepseek_v2_lite", "mixtral_8x22b"))
    ):
        yield Question(
            name=f"serving {' '.join(way)} {engine} {model}",
            call=core.estimate_serving_performance,
            arguments={
                "model": model, "engine": engine, "concurrency": (4, 64, 700)[at % 3],
                "system_name": ("H200_141GB", "B200_180GB", "H100_80GB")[at // 3 % 3],
                "tensor_parallel": (1, 2, 4)[at % 3],
            } | way,
        )  # fmt: skip


def _pools() -> Iterator[Question]:
    for model, prefill, decode, engine in (
        ("llama2_70b", "H100_80GB", None, "vllm"),
        ("llama3_8b", "L40S", "H100_80GB", "sglang"),
        ("deepseek_v3", "H200_141GB", "B200_180GB", "trtllm"),
        ("qwen3_235b_a22b", "MI300X", "H200_141GB", "vllm"),
    ):
        yield Question(
            name=f"pools {model} {prefill} {decode}", call=core.explore_disaggregated,
            arguments={
                "model": model, "prefill_hardware": prefill, "decode_hardware": decode,
                "devices": 32, "engine": engine, "ttft_limit_s": 2.0,
            },
            rows=24,
        )  # fmt: skip
        yield Question(
            name=f"load {model} {prefill}", call=core.find_slo_plan,
            arguments={
                "model": model, "hardware": ["H200_141GB", "B200_180GB"], "requests_per_s": 20,
                "tpot_limit_s": 0.05, "engine": engine,
            },
        )  # fmt: skip


def _single_answers() -> Iterator[Question]:
    for model, device in (
        ("llama2_70b", "H100_80GB"), ("mixtral_8x7b", "A100_80GB"), ("deepseek_v2", "H200_141GB"),
    ):  # fmt: skip
        guide = {"model": model, "system_name": device}
        for phase in ("prefill", "decode"):
            yield Question(
                name=f"best {model} {phase}", call=core.get_best_parallelization_strategy,
                arguments=guide | {"stage": phase, "total_nodes": 8, "batch_size": 16},
            )  # fmt: skip
            yield Question(
                name=f"front {model} {phase}", call=core.get_pareto_optimal_performance,
                arguments=guide | {"stage": phase, "total_nodes": 8},
            )  # fmt: skip
        yield Question(
            name=f"fewest {model}", call=core.get_minimum_system_size,
            arguments={"model": model, "system_name": device},
        )  # fmt: skip
    for at, (model, phase) in enumerate(product(FAMILIES[::3], PHASES)):
        request = core.make_request(
            model, "H200_141GB", 8, phase=phase, batch=32, engine=ENGINES[at % 3]
        )
        shown = {"request": request, "plan": core.evaluate(request).feasible.iloc[0]}
        yield Question(name=f"why {model} {phase}", call=core.explain, arguments=shown, rows=40)
        yield Question(
            name=f"more {model} {phase}", call=core.sensitivity, arguments=shown, rows=20
        )  # fmt: skip
