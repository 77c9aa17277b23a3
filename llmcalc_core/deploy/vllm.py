"""Flags of ``vllm serve``.

Read in vLLM 0.33.0, ``vllm/engine/arg_utils.py`` and ``vllm/entrypoints/common/cli_args.py``;
``python -m tests.launch_flags`` holds them beside its own parser.
"""

from __future__ import annotations

import json

from llmcalc_core.api.selected_plan import SelectedPlan
from llmcalc_core.deploy.flags import (
    adapter_flags,
    limit_flags,
    type_flags,
    unsaid_of_both,
    wide_flags,
)
from llmcalc_core.deploy.server import (
    Flags,
    Launch,
    layout_notes,
    nodes_of,
    refuse,
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
    layout = plan.layout
    group = layout.tp * layout.attention_dp
    refuse(
        plan, "vLLM",
        expert_parallel=None if layout.ep in {1, group} else (
            f"experts are divided over all {group} devices of tensor and data parallelism or over "
            f"none, not over {layout.ep}"
        ),
        **unsaid_of_both(plan),
    )  # fmt: skip
    types, notes = type_flags(plan, "vllm")
    flags = wide_flags(
        tensor_parallel_size=layout.tp,
        pipeline_parallel_size=layout.pp,
        data_parallel_size=layout.attention_dp,
        prefill_context_parallel_size=layout.cp,
    )
    if layout.ep > 1:
        flags["--enable-expert-parallel"] = None
    flags |= limit_flags(plan, "vllm") | types
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
    flags |= adapter_flags(plan, "vllm")
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
