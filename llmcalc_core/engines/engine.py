"""What is known of a version of a serving engine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

_OUTSIDE_GIB = ((30.0, 0.05, 0.15), (60.0, 0.09, 0.11), (math.inf, 0.13, 0.41))
"""``non-torch`` memory in start-up logs of vLLM of one device, and what a second one adds, by what
is less than so much memory: 0.03 to 0.05 GiB on T4, A10G and 12 GB, 0.08 to 0.09 on V100, A6000,
and A100 of 40 GB, 0.13 on H100; of two H100 0.54, of several RTX 3090 0.20 [GiB]."""

_LINKED, _FURTHER_GIB = ("v100", "a100", "a800", "h100", "h200", "h20", "b200", "b300"), 0.28
"""Devices with links of their own, for whose every further peer NCCL has more buffers: 2.10 GiB of
eight A100, 2.41 of eight of 183 GiB [GiB]."""

_UNIFIED, _PROCESSES_GIB = ("spark", "thor"), 4.0
"""Devices whose memory is the host's as well, so that vLLM counts what its processes take there
(``MemorySnapshot`` of vllm/utils/mem_utils.py 0.22, read 2026-11-30); how much is assumed [GiB]."""

_TILE, _TILES = 128, (("b200", 256), ("b300", 256))
"""Columns of a tile of MXFP4 experts: of Marlin and CUTLASS, and of the kernels of TensorRT-LLM on
Blackwell (``create_weights`` of quantization/mxfp4.py 0.14, read 2026-11-30)."""

_HEAD_TILES = (("b200", 2), ("b300", 2), ("h100", 1), ("h200", 1), ("h20_", 1), ("h800", 1))
"""Tiles of heads that FlashMLA's sparse kernel computes together: on Blackwell (sm_100) twice those
of Hopper (sm_90a; ``_forward_flashmla_sparse`` of SGLang's dsa_backend.py, read 2026-12-01). It is
made for no other device: consumers' Blackwell, AMD and TPU have kernels that are not padded."""

_WITHOUT_SAMPLER = "tpu"
"""Devices whose worker runs no dummy sampler before it sizes the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a step of an engine may hold on some devices.

    Attributes
    ----------
    token_budget : int
        Most tokens that a step computes [tokens].
    max_num_seqs : int
        Most requests that run at once [1].
    below_bytes : float
        Devices with less memory have these limits [bytes].
    devices : tuple of str
        So have those whose names contain one of these, in lower case.
    captured_tokens : int or None
        As of :class:`Engine`; None where devices do not differ.
    """

    token_budget: int
    max_num_seqs: int = 1024
    below_bytes: float = 0.0
    devices: tuple[str, ...] = ()
    captured_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A version of a serving engine, with its defaults.

    Attributes
    ----------
    name : str
        What it is called in arguments.
    label : str
        Under which name people know it.
    spellings : tuple of str
        Other names, in lower case.
    offered : bool
        Whether forms list it; few still deploy the others, which are named by code.
    since : str
        The first release that behaves so; '' where versions are not told apart.
    version : str
        The release that was asked for, else the newest known.
    overlaps_host : bool
        Whether it prepares a decode step on the host while the devices still run the one before.
    prefill_first : bool
        Whether it reads every prompt that waits before it decodes again, unless told to mix them;
        others read prompts beside decode steps.
    simulated : bool
        Whether the simulator follows its scheduler.
    captured_tokens : int
        Most tokens of a step with prompts whose kernels but attention's are captured graphs; the
        host starts those of a larger step one by one [tokens].
    captured_sequences : float
        Most sequences of a decode step that is a captured graph [1].
    whole_decode_graphs : bool
        Whether such a decode step is one graph, attention included; else it is captured in pieces.
    chunks_prompts : bool
        Whether it reads prompts in chunks of ``token_budget``; else whole, with a buffer of its own
        for every operation.
    fills_steps : bool
        Whether it cuts the last prompt of a step where the budget ends; else prompts that fit into
        a step are read whole.
    token_budget : int
        Most tokens that it computes in one step, on large devices [tokens].
    memory_fraction_of : {'device', 'free', 'static', 'nothing'}
        Of what ``memory_fraction`` is a part: of the device's memory, which all that it keeps may
        fill; of the memory that weights, buffers and runtime leave free, for the cache; of what is
        free before weights are read, for them and the cache alone; or of nothing, where an engine
        has no such share and fills what there is.
    profiles_sampler : bool
        Whether it keeps the peak of a dummy sampler of ``max_num_seqs`` requests free, and measures
        what lies outside; else ``runtime_reserve_bytes`` stand for both.
    budget_by_length : bool
        Whether the step that is profiled has the tokens of the longest request, as prompts are read
        whole (:func:`llmcalc_core.memory.profiled.profiled_tokens`), and not ``token_budget``.
    groups_caches : bool
        Whether layers that keep different tokens share one pool of equal blocks, in groups.
    pools_caches : bool
        Whether states, windows and all tokens have a pool each, of sizes that are settled when it
        starts.
    states_per_request : int
        States that a request takes of the pool of states, with those of prefixes [1].
    graph_tokens : int
        Tokens of the largest step that it reserves the buffers of a graph for (``n_ubatch``); 0
        where buffers are those of a profiled step [tokens].
    embeds_on_host : bool
        Whether the embedding stays in the host's memory, where it is not counted.
    images_per_prompt : int or None
        Most images of a request that it is told to let in: 0 runs no encoder before the cache is
        sized [1].
    outside_gib : tuple of float
        What lies outside of PyTorch on a device that is alone, and what a second one and each
        further one of a stage add to that, where it is measured [GiB].
    pads_experts : bool
        Whether it stores the slices of MXFP4 experts padded to the tiles of its kernels.
    expert_tiles : int
        Columns that a slice of an expert has a multiple of then [elements].
    marlin : bool
        Whether MXFP4 experts are unpacked by Marlin, for which its kernels of INT4 stand.
    sparse_head_tile : int
        Query heads that a device's part is padded to a multiple of where sparse latent attention
        reads prompts on Hopper, and what a device has in place of it [1].
    runtime_reserve_bytes : float
        Kernels, workspaces and allocator slack of the runtime [bytes].
    reserves_answers : bool
        Whether a request is let in only if the cache has room for its whole answer, and those of
        all that run; else for what they hold.
    max_num_seqs : int
        Most requests that it runs at once, on large devices [1].
    limits : tuple of Limits
        Those on other devices; the first that a device meets count.
    kv_block_tokens : int
        Tokens of one block of its KV cache [tokens].
    caches_whole_context : bool
        Whether it keeps the keys and values of every token, unless told otherwise, in layers that
        see a window or a chunk of them alone.
    joins_batches : bool
        Whether requests join those that run (continuous batching); else batches start together.
    splits_layers_only : bool
        Whether several devices have layers each and wait for one another: no tensor, expert or
        context parallelism, no attention replicas, and one micro batch in a pipeline.
    has_own_kernels : bool
        Whether its kernels are its own on every device (``calibration/engine_kernels.toml``), and
        measured in whole runs of it.
    calls_per_kernel : float
        Calls of its host, into PyTorch's dispatcher or the driver, for each kernel of a step that
        is no captured graph [1]: it also starts small ones, makes views, and asks for memory.
    joins_experts : bool
        Whether one call starts all kernels of routed experts, to sort tokens, quantise and sum.
    stream_token_s : float
        Time in which its one process before the engine sends a token to a client; 0 where none was
        seen to be reached [s].
    streams_by_rank : bool
        Whether each attention replica has such a process of its own.
    step_s, sequence_step_s : float, optional
        Time in which its host prepares a step, and what each sequence adds, in place of the fitted
        constants [s].
    """

    name: str
    label: str
    spellings: tuple[str, ...] = ()
    offered: bool = True
    since: str = ""
    version: str = ""
    overlaps_host: bool = False
    prefill_first: bool = False
    simulated: bool = False
    captured_tokens: int = 0
    captured_sequences: float = math.inf
    whole_decode_graphs: bool = True
    chunks_prompts: bool = True
    fills_steps: bool = True
    # TensorRT-LLM (max_num_tokens) and LMDeploy (max_prefill_token_num), too; read 2026-11-23,
    # TensorRT-LLM's recalled.
    token_budget: int = 8192
    # TensorRT-LLM's max_batch_size is 2048, SGLang has no fixed number: assumed.
    max_num_seqs: int = 1024
    limits: tuple[Limits, ...] = ()
    reserves_answers: bool = False
    # vLLM: gpu_memory_utilization.
    memory_fraction_of: Literal["device", "free", "static", "nothing"] = "device"
    profiles_sampler: bool = False
    budget_by_length: bool = False
    groups_caches: bool = False
    pools_caches: bool = False
    states_per_request: int = 1
    graph_tokens: int = 0
    embeds_on_host: bool = False
    images_per_prompt: int | None = None
    outside_gib: tuple[float, float, float] = (*_OUTSIDE_GIB[-1][1:], _FURTHER_GIB)
    pads_experts: bool = False
    expert_tiles: int = _TILE
    marlin: bool = False
    sparse_head_tile: int = 1
    runtime_reserve_bytes: float = 2.0**30  # assumed
    kv_block_tokens: int = 16
    caches_whole_context: bool = False
    calls_per_kernel: float = 1.0
    joins_experts: bool = False
    stream_token_s: float = 0.0
    streams_by_rank: bool = False
    joins_batches: bool = True
    splits_layers_only: bool = False
    has_own_kernels: bool = False
    step_s: float | None = None
    sequence_step_s: float | None = None

    def __hash__(self) -> int:
        """Hash what tells engines apart: what is kept of each is asked for at every estimate."""
        return hash((self.name, self.version, self.token_budget, self.max_num_seqs))

    def on(self, device: str, memory_bytes: float) -> Engine:
        """Give the engine with the defaults that it has on a device.

        Parameters
        ----------
        device : str
            Name of the device.
        memory_bytes : float
            Its memory [bytes].

        Returns
        -------
        Engine
            With the token budget, the most requests and the largest captured step of that device.

        Examples
        --------
        >>> from llmcalc_core.engines import find_engine
        >>> vllm = find_engine("vllm")
        >>> vllm.on("H100_80GB", 85e9).token_budget, vllm.on("A100_80GB", 85e9).token_budget
        (8192, 2048)
        """
        own = self
        if self.profiles_sampler:
            alone, second = next(
                gib for most, *gib in _OUTSIDE_GIB if memory_bytes < most * 2.0**30
            )
            alone += _PROCESSES_GIB * _is_one_of(device, _UNIFIED)
            further = _FURTHER_GIB * _is_one_of(device, _LINKED)
            tiles = next((size for name, size in _TILES if name in device.casefold()), _TILE)
            own = replace(
                self, outside_gib=(alone, second, further), expert_tiles=tiles,
                profiles_sampler=not device.casefold().startswith(_WITHOUT_SAMPLER),
            )  # fmt: skip
        if self.sparse_head_tile > 1:
            tiles = next((tiles for name, tiles in _HEAD_TILES if name in device.casefold()), 0)
            own = replace(own, sparse_head_tile=max(tiles * self.sparse_head_tile, 1))
        for limit in self.limits:
            if memory_bytes < limit.below_bytes or _is_one_of(device, limit.devices):
                captured = limit.captured_tokens
                return replace(
                    own,
                    token_budget=limit.token_budget,
                    max_num_seqs=limit.max_num_seqs,
                    captured_tokens=self.captured_tokens if captured is None else captured,
                    limits=(),
                )
        return own

    def told(self, *, max_num_seqs: int | None = None, enforce_eager: bool = False) -> Engine:
        """Give the engine as it is told to run.

        Parameters
        ----------
        max_num_seqs : int, optional
            Most requests that run at once, on whatever device [1].
        enforce_eager : bool, default False
            Whether nothing is captured, so that the host starts every kernel of every step.

        Returns
        -------
        Engine
            Itself where nothing is told.

        Examples
        --------
        >>> from llmcalc_core.engines import find_engine
        >>> small = find_engine("vllm").told(max_num_seqs=64)
        >>> small.on("A100_80GB", 85e9).max_num_seqs, small.on("H100_80GB", 85e9).max_num_seqs
        (64, 64)
        """
        own = self
        if max_num_seqs is not None:
            limits = tuple(replace(one, max_num_seqs=max_num_seqs) for one in self.limits)
            own = replace(own, max_num_seqs=max_num_seqs, limits=limits)
        if enforce_eager:
            limits = tuple(replace(one, captured_tokens=None) for one in own.limits)
            own = replace(own, captured_tokens=0, captured_sequences=0.0, limits=limits)
        return own


def _is_one_of(device: str, families: tuple[str, ...]) -> bool:
    return any(family in device.casefold() for family in families)
