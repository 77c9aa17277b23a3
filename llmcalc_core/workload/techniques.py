"""What a deployment does with its requests beside computing them from the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, signature
from typing import Any, ParamSpec, TypedDict, TypeVar

from llmcalc_core.checks import nearest, positive, share, truth, whole_number
from llmcalc_core.engines import DEFAULT_ENGINE, Engine, find_engine
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.shown import shown

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Techniques:
    """What a deployment does with its requests; with the defaults, nothing.

    Parameters
    ----------
    prefix_hit_rate : float, default 0
        Share of the input tokens that the KV cache already holds: prefill computes the rest, at
        least one token, which still attends to all (vLLM, Automatic Prefix Caching; Zheng et al.,
        SGLang's RadixAttention, arXiv:2312.07104, section 3). Cached blocks count once for each
        request in flight, as if no two requests shared theirs, which is right where hits come
        from a request's own earlier turns and too much where all share a system prompt.
    speculative_tokens : int, default 0
        Tokens of each sequence that are drafted before a step, which verifies them all and one
        more (Leviathan et al., arXiv:2211.17192, algorithm 1; vLLM, num_speculative_tokens). Set to
        0 where none is ever accepted.
    acceptance_rate : float, default 0
        Probability that a drafted token is accepted if those before it were, the alpha of
        Leviathan et al., arXiv:2211.17192, section 3.1. At 0 nothing is drafted, as drafts would
        only cost time and memory: that is no speculation. Set to 0 where none is drafted.
    draft_model : ModelConfig, optional
        What drafts: a small model of the same vocabulary (the same paper), stored and computed in
        the same types. Where none is named, the model's own multi-token prediction (DeepSeek-V3,
        arXiv:2412.19437, section 2.2), with a pass of one module for each token. A draft is split
        over tensor parallel devices like the large model where its heads allow that, else whole on
        each of them, as vLLM's draft_tensor_parallel_size can only be the same or 1; of a pipeline
        it is on the last stage. Its passes add their kernels, and 0.19 ms each for the engine (from
        one published run of EAGLE, see calibration/efficiency.toml).
    prefill_chunk_tokens : int, optional
        Most tokens of prompts and sequences that an engine computes in one step of continuous
        batching (Agrawal et al., Sarathi-Serve, arXiv:2403.02310, section 4; max_num_batched_tokens
        of vLLM, max_num_tokens of TensorRT-LLM, chunked_prefill_size of SGLang): longer prompts are
        read in parts, each of which reads the weights again and runs beside a decode step, whose
        tokens use up the budget too but for one. Where not given, the engine's own, 8,192, at which
        engines were measured: how their prompts were cut is in the constants.
    lora_adapters : int, default 0
        Low-rank adapters held in memory (Hu et al., LoRA, arXiv:2106.09685), of which every request
        uses one, all with equal chance, unmerged beside the weights (Sheng et al., S-LoRA,
        arXiv:2311.03285, section 4; vLLM, max_loras). Adapted are all projections of token mixers,
        feed-forward layers and shared experts (Dettmers et al., QLoRA, arXiv:2305.14314, section
        4), in 16 bits; not routed experts, router, embedding and head.
    lora_rank : int, default 16
        Rank of each, the default of vLLM's max_lora_rank. Set to 0 where there is none.
    weights_offload : float, default 0
        Share of the weights of layers that stay in the host's memory and are read over its link in
        every pass, where they are used and beside nothing else (vLLM, cpu_offload_gb with unified
        virtual addressing: zero copies); of routed experts those that tokens go to.
    weights_offload_gib : float, default 0
        The same as GiB of every device, as users of vLLM say it (cpu_offload_gb: "the space in GiB
        to offload to CPU, per GPU", vllm/config/offload.py; read 2026-11-23), at most what the
        layers of the fullest device weigh.
    kv_offload : float, default 0
        Share of every sequence's KV cache and states that stays there and crosses the link
        likewise, read and written (Sheng et al., FlexGen, arXiv:2303.06865, section 4). Adapters
        and what drafts are never offloaded. A second cache of prefixes in the host's memory is
        something else (vLLM, kv_offloading_size): it raises ``prefix_hit_rate``.
    offload_to_fit : bool, default False
        Whether every plan also offloads what it must to fit on its devices, and no more: weights
        first, beyond the share that is given, then cache. A search among plans and batches
        then finds where offloading pays.

    Raises
    ------
    ValueError
        For a value out of range.

    Examples
    --------
    >>> Techniques(prefix_hit_rate=0.5) == Techniques()
    False
    """

    prefix_hit_rate: float = 0.0
    speculative_tokens: int = 0
    acceptance_rate: float = 0.0
    draft_model: ModelConfig | None = None
    prefill_chunk_tokens: int | None = None
    lora_adapters: int = 0
    lora_rank: int = 16
    weights_offload: float = 0.0
    kv_offload: float = 0.0
    weights_offload_gib: float = 0.0
    offload_to_fit: bool = False

    def __post_init__(self) -> None:
        """Check every field, and forget those that do not count."""
        for name in ("prefix_hit_rate", "acceptance_rate", "weights_offload", "kv_offload"):
            self._set(name, share(name, getattr(self, name)))
        drafted = whole_number("speculative_tokens", self.speculative_tokens, least=0)
        self._set("speculative_tokens", drafted)
        budget = self.prefill_chunk_tokens
        if budget is not None:
            self._set("prefill_chunk_tokens", whole_number("prefill_chunk_tokens", budget))
        gib = positive("weights_offload_gib", self.weights_offload_gib, unit="GiB", zero=True)
        self._set("weights_offload_gib", gib)
        self._set("offload_to_fit", truth("offload_to_fit", self.offload_to_fit))
        if gib and self.weights_offload:
            msg = (
                "weights_offload and weights_offload_gib say the same in two ways: give one of "
                f"them, got {self.weights_offload} and {gib}"
            )
            raise ValueError(msg)
        adapters = whole_number("lora_adapters", self.lora_adapters, least=0)
        rank = whole_number("lora_rank", self.lora_rank, least=min(adapters, 1))
        self._set("lora_adapters", adapters)
        self._set("lora_rank", rank if adapters else 0)
        if not (drafted and self.acceptance_rate):
            self._set("speculative_tokens", 0)
            self._set("acceptance_rate", 0.0)
            self._set("draft_model", None)

    @property
    def offloads(self) -> bool:
        """Whether anything may be in the host's memory."""
        given = self.weights_offload + self.kv_offload + self.weights_offload_gib
        return self.offload_to_fit or given > 0

    def check_beams(self, beam_size: int) -> None:
        """Refuse speculation beside beam search, which vLLM's speculative decoding has not.

        Raises
        ------
        ValueError
            If there are beams and drafted tokens.
        """
        if beam_size > 1 and self.speculative_tokens:
            msg = (
                f"beam_size must be 1 with speculative_tokens, got {beam_size} with "
                f"{self.speculative_tokens}"
            )
            raise ValueError(msg)

    def check_draft(self, name: str, vocabulary: int) -> None:
        """Refuse a drafting model of another vocabulary, whose tokens mean others.

        Parameters
        ----------
        name : str
            Of the model that it drafts for.
        vocabulary : int
            Tokens that this model chooses from.

        Raises
        ------
        ValueError
            If the numbers of tokens differ (vLLM, ``verify_equal_vocab_size_if_draft_model`` of
            vllm/config/speculative.py 0.33; read 2026-11-30).
        """
        draft = self.draft_model
        if draft is not None and draft.vocab_size != vocabulary:
            msg = (
                f"draft_model must have the {vocabulary:,} tokens of {name}, such as a small model "
                f"of its family, got {draft.model}, which has {draft.vocab_size:,}"
            )
            raise ValueError(msg)

    def check_phase(self, phase: str) -> None:
        """Refuse a budget of tokens for a batch that starts together, which has its own steps.

        Raises
        ------
        ValueError
            If there is a budget in a phase other than 'serving'.
        """
        if phase != "serving" and self.prefill_chunk_tokens is not None:
            msg = (
                f"prefill_chunk_tokens must be None in phase {shown(phase)}, whose prompts are "
                f"read together, got {self.prefill_chunk_tokens}; phase 'serving' reads them in "
                "parts"
            )
            raise ValueError(msg)

    def check_pools(self) -> None:
        """Refuse to find shares of separate pools, whose memory also holds caches on their way.

        Raises
        ------
        ValueError
            If they are to be found.
        """
        if self.offload_to_fit:
            msg = (
                "offload_to_fit must be False for separate pools, got True; give weights_offload, "
                "weights_offload_gib or kv_offload"
            )
            raise ValueError(msg)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


Drafting = str | Mapping[str, Any] | ModelConfig | None
"""A model that drafts: by name or path, by the fields of a configuration, as one, or none."""


class TechniqueArguments(TypedDict, total=False):
    """The fields of :class:`Techniques` as arguments; several values of one make an axis."""

    prefix_hit_rate: float | Sequence[float]
    speculative_tokens: int | Sequence[int]
    acceptance_rate: float | Sequence[float]
    draft_model: Drafting | Sequence[Drafting]
    prefill_chunk_tokens: int | Sequence[int | None] | None
    lora_adapters: int | Sequence[int]
    lora_rank: int | Sequence[int]
    weights_offload: float | Sequence[float]
    kv_offload: float | Sequence[float]
    weights_offload_gib: float | Sequence[float]
    offload_to_fit: bool | Sequence[bool]


NO_TECHNIQUES = Techniques()
"""A deployment that computes every request from the start, token by token, in device memory."""


def in_use(
    techniques: tuple[Techniques, ...], engine: str | Engine = DEFAULT_ENGINE
) -> dict[str, tuple[Any, ...]]:
    """Give the fields that any technique uses, with the value of each.

    A model is its name, a budget that is not given the engine's own.

    Examples
    --------
    >>> in_use((Techniques(), Techniques(prefix_hit_rate=0.5)))
    {'prefix_hit_rate': (0.0, 0.5)}
    """
    budget = find_engine(engine).token_budget
    values = {
        field.name: tuple(getattr(one, field.name) for one in techniques)
        for field in fields(Techniques)
    }
    values["draft_model"] = tuple(
        "" if one.draft_model is None else one.draft_model.model for one in techniques
    )
    values["prefill_chunk_tokens"] = tuple(one.prefill_chunk_tokens or budget for one in techniques)
    unused = {"draft_model": "", "prefill_chunk_tokens": budget}
    return {
        name: own
        for name, own in values.items()
        if set(own) != {unused.get(name, getattr(NO_TECHNIQUES, name))}
    }


def takes(
    arguments: type[Any],
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """Refuse what is neither a parameter of a function nor a further argument; name the nearest.

    Parameters
    ----------
    arguments : type
        A ``TypedDict`` of what the function takes beside its parameters, as its ``**`` argument.

    Returns
    -------
    callable
        A decorator; what it gives raises a ``TypeError`` for an argument that there is not.

    Examples
    --------
    >>> @takes(TechniqueArguments)
    ... def plan(batch: int, **techniques: object) -> None: ...
    >>> plan(batchs=3)
    Traceback (most recent call last):
    TypeError: plan() has no argument 'batchs'; did you mean 'batch'?
    """

    def checking(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        own = [
            name
            for name, parameter in signature(function).parameters.items()
            if parameter.kind is not Parameter.VAR_KEYWORD
        ]
        known = dict.fromkeys([*own, *arguments.__annotations__])

        @wraps(function)
        def checked(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
            if not kwargs.keys() <= known.keys():
                name = next(name for name in kwargs if name not in known)
                hint = nearest(name, known, count=1) or f"; known: {', '.join(known)}"
                msg = f"{function.__name__}() has no argument {shown(name)}{hint}"
                raise TypeError(msg)
            return function(*args, **kwargs)

        return checked

    return checking


def takes_techniques(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Refuse what is neither a parameter of the function nor a technique; see :func:`takes`."""
    return takes(TechniqueArguments)(function)
