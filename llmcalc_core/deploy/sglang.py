"""Flags of ``python -m sglang.launch_server``.

Read in SGLang 0.5.14, ``ServerArgs`` of sglang/srt/server_args.py: ``tp_size`` counts all devices
of a stage, of which ``dp_size`` groups have attention of their own; ``max_running_requests`` and
``chunked_prefill_size`` are of all groups together and divided by ``dp_size``.
``python -m tests.launch_flags`` holds the flags beside it.
"""

from __future__ import annotations

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
from llmcalc_core.deploy.vllm import host_weights_gib

VERSION = "0.5.14"


def launch(plan: SelectedPlan) -> Launch:
    """Write the command that starts a plan with SGLang.

    Raises
    ------
    NotRunnableError
        If SGLang cannot start it.
    """
    layout, techniques = plan.layout, plan.techniques
    group = layout.tp * layout.attention_dp
    refuse(
        plan, "SGLang",
        context_parallel=None if layout.cp == 1 else
        "its context parallelism divides attention otherwise than was reckoned",
        attention_replicas=None if layout.attention_dp == 1 or plan.model.is_moe else
        "replicas of a dense model's attention alone are not served",
        kv_offload=None if not techniques.kv_offload else
        "no flag keeps a share of every sequence's cache with the host",
        offload_to_fit=None if not techniques.offload_to_fit else
        "give weights_offload_gib, which --cpu-offload-gb says",
    )  # fmt: skip
    dtype, quantisation, notes = types_of(plan)
    flags: Flags = {"--tp-size": group, "--pp-size": layout.pp, "--ep-size": layout.ep}
    flags = {name: width for name, width in flags.items() if width != 1}
    if layout.attention_dp > 1:
        flags |= {"--dp-size": layout.attention_dp, "--enable-dp-attention": None}
    flags |= {
        "--context-length": context_of(plan),
        "--max-running-requests": sequences_of(plan) * layout.attention_dp,
        "--chunked-prefill-size": token_budget_of(plan) * layout.attention_dp,
        "--mem-fraction-static": plan.request.memory_fraction,
    }
    if dtype is not None:
        flags["--dtype"] = dtype
    if quantisation is not None:
        flags["--quantization"] = quantisation
    if plan.precision.kv_cache == "fp8":
        flags["--kv-cache-dtype"] = "fp8_e4m3"
    if plan.request.enforce_eager:
        flags["--disable-cuda-graph"] = None
    return Launch(
        engine=f"SGLang {VERSION}",
        program=("python", "-m", "sglang.launch_server", "--model-path", plan.model.name),
        flags=flags | _techniques(plan) | {"--port": 8000},
        devices=layout.devices,
        nodes=nodes_of(plan),
        replicas=plan.replicas,
        benchmark=vllm_benchmark(plan),
        notes=(*notes, *layout_notes(plan)),
    )


def _techniques(plan: SelectedPlan) -> Flags:
    techniques = plan.techniques
    flags: Flags = {}
    drafted = techniques.speculative_tokens
    if drafted:
        flags |= {
            "--speculative-algorithm": "EAGLE" if techniques.draft_model is None else "STANDALONE",
            "--speculative-num-steps": drafted, "--speculative-eagle-topk": 1,
            "--speculative-num-draft-tokens": drafted + 1,
        }  # fmt: skip
        if techniques.draft_model is not None:
            flags["--speculative-draft-model-path"] = techniques.draft_model.model
    if techniques.lora_adapters:
        flags |= {
            "--enable-lora": None, "--max-loras-per-batch": techniques.lora_adapters,
            "--max-lora-rank": techniques.lora_rank,
        }  # fmt: skip
    gib = host_weights_gib(plan)
    if gib:
        flags["--cpu-offload-gb"] = -int(-gib // 1)
    return flags
