"""How an engine is set up to schedule requests."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.checks import one_of, truth, whole_number

POLICIES = ("vllm", "sglang", "trtllm")
"""Engines whose scheduling is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides which requests a step holds.

    Parameters
    ----------
    policy : {'vllm', 'sglang', 'trtllm'}
        Whose rules.
    token_budget : int
        Most tokens of one step: ``max_num_batched_tokens`` of vLLM, ``max_num_tokens`` of
        TensorRT-LLM; with SGLang of one step of prompts, ``chunked_prefill_size`` [tokens].
    max_num_seqs : int
        Most requests that run at once: ``max_num_seqs``, ``max_running_requests``,
        ``max_batch_size`` [requests].
    kv_blocks : int
        Blocks of the KV cache that requests can use [blocks].
    block_tokens : int, default 16
        Tokens of one block [tokens].
    prefix_caching : bool, default False
        Whether blocks of earlier requests are used again.
    steps_ahead : int, default 0
        Steps that are scheduled before the one before them has ended: 0 or 1 (vLLM's
        ``async_scheduling``, the overlap schedulers of SGLang and TensorRT-LLM).

    Raises
    ------
    ValueError
        For a value out of range, or a budget of tokens that is smaller than ``max_num_seqs``, or
        than a block where prompts are cut to blocks.

    Examples
    --------
    >>> Settings(policy="vLLM", token_budget=8192, max_num_seqs=256, kv_blocks=1000).policy
    'vllm'
    """

    policy: str
    token_budget: int
    max_num_seqs: int
    kv_blocks: int
    block_tokens: int = 16
    prefix_caching: bool = False
    steps_ahead: int = 0

    def __post_init__(self) -> None:
        """Check every field."""
        values = {
            "policy": one_of("policy", self.policy, POLICIES),
            "prefix_caching": truth("prefix_caching", self.prefix_caching),
            "steps_ahead": whole_number("steps_ahead", self.steps_ahead, least=0, most=1),
        }
        for name in ("token_budget", "max_num_seqs", "kv_blocks", "block_tokens"):
            values[name] = whole_number(name, getattr(self, name))
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.policy != "vllm" and self.token_budget < self.block_tokens:
            msg = (
                f"token_budget must be at least block_tokens, as {self.policy} cuts prompts to "
                f"whole blocks, got {self.token_budget} and {self.block_tokens}; the nearest valid "
                f"token_budget is {self.block_tokens}"
            )
            raise ValueError(msg)
        if self.policy != "sglang" and self.token_budget < self.max_num_seqs:
            msg = (
                "token_budget must be at least max_num_seqs, as each sequence that decodes takes a "
                f"token of every step, got {self.token_budget} and {self.max_num_seqs}; the "
                f"nearest valid max_num_seqs is {self.token_budget}"
            )
            raise ValueError(msg)
