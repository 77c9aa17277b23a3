"""Flags of ``trtllm-serve``, and the file of what has no flag.

Read in TensorRT-LLM, tensorrt_llm/commands/serve.py (the options of ``serve``) and
tensorrt_llm/llmapi/llm_args.py (the fields of the file), at commit 00209af, read 2026-11-30: its
package on PyPI fetches the program from elsewhere, so that its parser was not run.
"""

from __future__ import annotations

from llmcalc_core.api.selected_plan import SelectedPlan
from llmcalc_core.deploy.flags import limit_flags, wide_flags
from llmcalc_core.deploy.server import (
    Launch,
    layout_notes,
    nodes_of,
    refuse,
    types_of,
    vllm_benchmark,
)

VERSION = "1.x"
FILE = "config.yaml"


def launch(plan: SelectedPlan) -> Launch:
    """Write the command that starts a plan with TensorRT-LLM.

    Raises
    ------
    NotRunnableError
        If TensorRT-LLM cannot start it.
    """
    layout, techniques = plan.layout, plan.techniques
    group = layout.tp * layout.attention_dp
    dtype, quantisation, notes = types_of(plan)
    refuse(
        plan, "TensorRT-LLM",
        attention_replicas=None if layout.attention_dp in {1, group} else (
            f"attention is replicated on all {group} devices of a stage or on none, not in "
            f"{layout.attention_dp} groups"
        ),
        context_parallel=None if layout.cp == 1 else
        "its context parallelism divides attention otherwise than was reckoned",
        offloading=None if not techniques.offloads else "weights are not kept with the host",
        adapters=None if not techniques.lora_adapters else
        "adapters are named in its file, each with its place",
        draft_model=None if techniques.draft_model is None else
        "a draft model is named in its file, with its own settings",
    )  # fmt: skip
    if quantisation is not None:
        notes = (*notes, "serve a checkpoint with FP8 weights: none is made as it is loaded")
    flags = wide_flags("_", tp_size=group, pp_size=layout.pp, ep_size=layout.ep)
    flags |= limit_flags(plan, "trtllm")
    written = _file(plan, dtype)
    if written:
        flags["--config"] = FILE
    return Launch(
        engine=f"TensorRT-LLM {VERSION}",
        program=("trtllm-serve", plan.model.name),
        flags=flags,
        devices=layout.devices,
        nodes=nodes_of(plan),
        replicas=plan.replicas,
        files={FILE: written} if written else {},
        benchmark=vllm_benchmark(plan),
        notes=(*notes, *layout_notes(plan)),
    )


def _file(plan: SelectedPlan, dtype: str | None) -> str:
    lines = []
    if plan.layout.attention_dp > 1:
        lines.append("enable_attention_dp: true")
    if plan.precision.kv_cache == "fp8":
        lines += ["kv_cache_config:", "  dtype: fp8"]
    if dtype is not None:
        lines.append(f"dtype: {dtype}")
    if plan.request.enforce_eager:
        lines.append("cuda_graph_config: null")
    if plan.techniques.speculative_tokens:
        lines += [
            "speculative_config:", "  decoding_type: MTP",
            f"  num_nextn_predict_layers: {plan.techniques.speculative_tokens}",
        ]  # fmt: skip
    return "\n".join(lines)
