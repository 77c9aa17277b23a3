"""Whose rules form steps."""

from __future__ import annotations

from llmcalc_core.simulation.policy_sglang import SglangPolicy
from llmcalc_core.simulation.policy_trtllm import TensorRTLLMPolicy
from llmcalc_core.simulation.policy_vllm import VllmPolicy

Policy = VllmPolicy | SglangPolicy | TensorRTLLMPolicy

RULES: dict[str, type[Policy]] = {
    "vllm": VllmPolicy,
    "sglang": SglangPolicy,
    "trtllm": TensorRTLLMPolicy,
}
"""By the names of :data:`llmcalc_core.simulation.settings.POLICIES`."""
