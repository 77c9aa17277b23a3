"""Flags of ``vllm serve``.

Read in vLLM 0.33.0, ``vllm/engine/arg_utils.py`` and ``vllm/entrypoints/common/cli_args.py``;
``python -m tests.launch_flags`` holds them beside its own parser.
"""

from __future__ import annotations

import json

from llmcalc_core.api.selected_plan import SelectedPlan
from llmcalc_core.deploy.server import (
    Flags,
    Launch,
    context_of,
    layout_notes,
    nodes_of,
    refuse,
    sequences_of,
    token_budget_of,
    types_of,
    vllm_benchmark,
)

VERSION = "0.33.0"


def launch(plan: SelectedPlan) -> Launch:
    """Write the command that starts a plan with vLLM.

    Raises
    ------
    NotRunnableError
        If vLLM cannot start it.
    """
    layout, techniques = plan.layout, plan.techniques
    group = layout.tp * layout.attention_dp
    refuse(
        plan, "vLLM",
        expert_parallel=None if layout.ep in {1, group} else (
            f"experts are divided over all {group} devices of tensor and data parallelism or over "
            f"none, not over {layout.ep}"
        ),
        attention_replicas=None if layout.attention_dp == 1 or plan.model.is_moe else
        "replicas of a dense model's attention alone are not served",
        kv_offload=None if not techniques.kv_offload else
        "no flag keeps a share of every sequence's cache with the host",
        offload_to_fit=None if not techniques.offload_to_fit else
        "give weights_offload_gib, which --cpu-offload-gb says",
    )  # fmt: skip
    dtype, quantisation, notes = types_of(plan)
    flags: Flags = {
        "--tensor-parallel-size": layout.tp,
        "--pipeline-parallel-size": layout.pp,
        "--data-parallel-size": layout.attention_dp,
        "--prefill-context-parallel-size": layout.cp,
    }
    flags = {name: width for name, width in flags.items() if width != 1}
    if layout.ep > 1:
        flags["--enable-expert-parallel"] = None
    flags |= {
        "--max-model-len": context_of(plan),
        "--max-num-seqs": sequences_of(plan),
        "--max-num-batched-tokens": token_budget_of(plan),
        "--gpu-memory-utilization": plan.request.memory_fraction,
    }
    if dtype is not None:
        flags["--dtype"] = dtype
    if quantisation is not None:
        flags["--quantization"] = quantisation
    if plan.precision.kv_cache == "fp8":
        flags["--kv-cache-dtype"] = "fp8"
    if plan.request.enforce_eager:
        flags["--enforce-eager"] = None
    return Launch(
        engine=f"vLLM {VERSION}",
        program=("vllm", "serve", plan.model.name),
        flags=flags | _techniques(plan),
        devices=layout.devices,
        nodes=nodes_of(plan),
        replicas=plan.replicas,
        benchmark=vllm_benchmark(plan),
        notes=(*notes, *layout_notes(plan)),
    )


def _techniques(plan: SelectedPlan) -> Flags:
    techniques = plan.techniques
    flags: Flags = {}
    if techniques.speculative_tokens:
        drafts: dict[str, str | int] = {"num_speculative_tokens": techniques.speculative_tokens}
        if techniques.draft_model is None:
            drafts["method"] = "mtp"
        else:
            drafts |= {"method": "draft_model", "model": techniques.draft_model.model}
        flags["--speculative-config"] = json.dumps(drafts)
    if techniques.lora_adapters:
        flags |= {
            "--enable-lora": None, "--max-loras": techniques.lora_adapters,
            "--max-lora-rank": techniques.lora_rank,
        }  # fmt: skip
    gib = host_weights_gib(plan)
    if gib:
        flags["--cpu-offload-gb"] = gib
    return flags


def host_weights_gib(plan: SelectedPlan) -> float:
    """Weights that a device has with its host [GiB], to a hundredth."""
    from llmcalc_core.memory.device_memory import device_memory  # noqa: PLC0415 - rarely asked

    if not plan.techniques.offloads:
        return 0.0
    held = device_memory(plan.model, plan.precision, plan.grid())
    return round(float(held.host_weights) / 2**30, 2)
