"""Every public function of the core with good arguments, and with junk in the place of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pandas as pd

import llmcalc_core
from llmcalc_core.workload.techniques import TechniqueArguments

ALSO = {
    "system_name": "hardware|device|path must", "model": "model|config|read",
    "hardware": "device|hardware|path must",
    "bits": "precision|type|bits", "precision": "precision|type|bits", "batch_list": "batch",
    "total_nodes": "devices", "stage": "phase|stage", "batch_size": "batch",
    "decode_hardware": "device|hardware|path must",
    "tensor_parallel": "tp|tensor", "pipeline_parallel": "pp|pipeline",
    "expert_parallel": "ep|expert", "attention_data_parallel": "attention",
    "attention_dp": "attention", "of": "of must",
    "draft_model": "model|draft|config|read", "metric": "column|metric", "config": "config|model",
    "batches": "batch", "index_n_heads": "sparse attention", "index_head_dim": "sparse attention",
    "request_rates": "request_rate", "prefill_hardware": "device|hardware|path must",
    "latency": "column|latency", "frame": "frame|column", "plan": "plan|row",
    "name": "name|engine|preset|gguf|device|hardware", "requests": "requests|column",
    "measurements": "measurements|file|column|row", "path": "file|path|folder",
    "hardware_name": "device|hardware", "engine_version": "version", "version": "version",
    "replica_devices": "devices", "tp": "tensor_parallel",
    "pp": "pipeline_parallel", "ep": "expert_parallel", "request_rate": "rate",
    "memory_fraction": "fraction|fit into",
    "width": "image side", "height": "image side", "to": "to must|file|folder|path",
}  # fmt: skip
"""Words that a message may say in place of an argument's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A public function and arguments that it takes."""

    name: str
    function: Callable[..., Any]
    arguments: dict[str, Any]

    def names(self) -> list[str]:
        """List what it takes, techniques one by one."""
        found = []
        for name, one in inspect.signature(self.function).parameters.items():
            if one.kind is one.VAR_KEYWORD:
                techniques = "Techn" in str(one.annotation) or "Replica" in str(one.annotation)
                found += TechniqueArguments.__annotations__ if techniques else ["concurrency"]
            else:
                found.append(name)
        return found

    def with_junk(self, argument: str, junk: object) -> Call:
        """Put something in the place of an argument."""
        return replace(self, arguments={**self.arguments, argument: junk})

    def ask(self) -> object:
        """Call it."""
        found = self.function(**self.arguments)
        if isinstance(found, Iterator):
            return next(found, None)
        return found


def says(argument: str) -> str:
    """Give the pattern of what names an argument."""
    return f"{argument}|{ALSO.get(argument, argument)}"


def fields_of(value: object) -> dict[str, Any]:
    """Give what a frozen value was made of."""
    return {name: getattr(value, name) for name in inspect.signature(type(value)).parameters}


@cache
def good() -> tuple[Call, ...]:
    """Give a call of each public function that ends soon."""
    plan = {"model": "llama3_8b", "system_name": "H100_80GB"}
    pair = {"model": "llama3_8b", "hardware": "H100_80GB"}
    run = {**pair, "num_prompts": 5, "input_tokens": 50, "output_tokens": 5}
    request = llmcalc_core.make_request("llama3_8b", "H100_80GB", 1, batch=[1, 4])
    table = llmcalc_core.evaluate(request).frame
    asked = {"request": request, "plan": table.iloc[0]}
    config = llmcalc_core.find_model("llama3_8b")
    device = llmcalc_core.find_hardware("H100_80GB")
    lengths = llmcalc_core.FixedLengths(tokens=50)
    replicas = llmcalc_core.slo_replicas(**pair, replica_devices=[1], batch=[8])
    arguments: dict[str, dict[str, Any]] = {
        "FixedLengths": {"tokens": 5},
        "Hardware": fields_of(device),
        "LognormalLengths": {"mean": 50.0, "sigma": 0.5},
        "ModelConfig": fields_of(config),
        "EvaluationRequest": fields_of(request),
        "Precision": {},
        "Techniques": {},
        "UniformLengths": {"tokens": 50, "range_ratio": 0.5},
        "VisionTower": {
            "layers": 2, "hidden_size": 64, "intermediate_size": 128, "patch_size": 14,
            "layer_parameters": 10, "outside_parameters": 10, "projector_parameters": 10,
        },
        "architecture": {"config": config},
        "asked_precision": {"bits": "bf16"},
        "calibrate": {
            "measurements": pd.read_csv("examples/measured/closed_loop.csv").head(3),
            "hardware": "H100_80GB",
        },
        "compare_hardware": {"frame": table},
        "csv_text": {"frame": table},
        "describe": {"model": config},
        "draw_conversations": {
            "count": 5, "sessions": 2, "system_prompt_tokens": 5, "question_lengths": lengths,
            "output_lengths": lengths, "max_context_tokens": 500, "rate": 1.0,
        },
        "estimate_decode_performance": plan,
        "estimate_end_to_end_performance": plan,
        "estimate_prefill_performance": plan,
        "estimate_serving_performance": {**plan, "concurrency": 4},
        "evaluate": {"request": request},
        "evaluate_cases": {"request": request},
        "explain": asked,
        "explore": {**pair, "devices": 1, "batch": [1]},
        "explore_disaggregated": {
            "model": "llama3_8b", "prefill_hardware": "H100_80GB", "devices": 2, "batch": [4],
        },
        "find_engine": {"name": "vllm"},
        "find_hardware": {"hardware": "H100_80GB"},
        "find_model": {"model": "llama3_8b"},
        "find_slo_plan": {**pair, "requests_per_s": 1.0, "replica_devices": [1], "batch": [4]},
        "get_best_parallelization_strategy": {**plan, "total_nodes": 1},
        "get_hardware_config": {"hardware_name": "H100_80GB"},
        "get_minimum_system_size": plan,
        "get_pareto_optimal_performance": {**plan, "total_nodes": 1},
        "get_various_parallelization": {"model": "llama3_8b", "total_nodes": 2},
        "gguf_precision": {"name": "Q4_K_M"},
        "hardware_sources": {"name": "H100_80GB"},
        "image_work": {"model": "qwen3_vl_235b_a22b"},
        "largest_that_fits": asked,
        "launch": asked,
        "list_models": {"query": "llama"},
        "load_curve": {**run, "request_rates": [1.0]},
        "load_hardware": {"path": "nowhere.toml"},
        "make_request": {**pair, "devices": 1, "batch": [1]},
        "memory_budget": pair,
        "parameters_by_part": {"model": config},
        "pareto_mask": {"cost": [1.0, 2.0], "gain": [1.0, 3.0]},
        "parse_precision": {"bits": "bf16"},
        "read_benchmark": {"path": "nowhere.json"},
        "release_of": {"version": "0.9"},
        "sensitivity": asked,
        "simulate": {**run, "request_rate": 1.0},
        "slo_plans": {"frame": replicas, "requests_per_s": 1.0},
        "slo_replicas": {**pair, "replica_devices": [1], "batch": [4]},
        "versions_of": {"name": "vllm"},
    }  # fmt: skip
    return tuple(
        Call(name=name, function=getattr(llmcalc_core, name), arguments=one)
        for name, one in arguments.items()
    )
