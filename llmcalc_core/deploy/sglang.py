"""Flags of ``python -m sglang.launch_server``.

Read in SGLang 0.5.14, ``ServerArgs`` of sglang/srt/server_args.py: ``tp_size`` counts all devices
of a stage, of which ``dp_size`` groups have attention of their own; ``max_running_requests`` and
``chunked_prefill_size`` are of all groups together and divided by ``dp_size``.
``python -m tests.launch_flags`` holds the flags beside it.
"""

from __future__ import annotations

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
from llmcalc_core.deploy.vllm import host_weights_gib

VERSION = "0.5.14"


def launch(plan: SelectedPlan) -> Launch:
    """Write the command that starts a plan with SGLang.

    Raises
    ------
    NotRunnableError
        If SGLang cannot start it.
    """
    layout = plan.layout
    group = layout.tp * layout.attention_dp
    refuse(
        plan, "SGLang",
        context_parallel=None if layout.cp == 1 else
        "its context parallelism divides attention otherwise than was reckoned",
        **unsaid_of_both(plan),
    )  # fmt: skip
    types, notes = type_flags(plan, "sglang")
    flags = wide_flags(tp_size=group, pp_size=layout.pp, ep_size=layout.ep)
    if layout.attention_dp > 1:
        flags |= {"--dp-size": layout.attention_dp, "--enable-dp-attention": None}
    flags |= limit_flags(plan, "sglang", groups=layout.attention_dp) | types
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
    flags |= adapter_flags(plan, "sglang")
    gib = host_weights_gib(plan)
    if gib:
        flags["--cpu-offload-gb"] = -int(-gib // 1)
    return flags
