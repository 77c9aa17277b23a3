"""A server that starts, and what its fullest device then holds."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.architecture.model import Model
from llmcalc_core.engines import Engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.budget import memory_share
from llmcalc_core.memory.cache_groups import BLOCK_TOKENS, cache_groups
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import Techniques


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a server was told when it started.

    Attributes
    ----------
    max_model_len : int
        Longest context [tokens].
    memory_fraction : float or None
        Share of what is visible, of which each engine has its own meaning; None: its default [1].
    prompt, answer : int
        Tokens of the requests that run [tokens].
    states : int or None
        States that SGLang was told to have room for (``max_mamba_cache_size``) [1].
    max_num_batched_tokens : int or None
        Most tokens of a step; None: the engine's own [tokens].
    max_num_seqs : int or None
        Most requests at once, where the server was told [1].
    block_size : int
        Tokens of a block of vLLM's cache where no layer asks for more [tokens].
    prefix_caching : bool or None
        Whether prefixes are kept; None: as the version does.
    images_per_prompt : int or None
        Most images of a request (``--limit-mm-per-prompt``); None: as many as fill a step [1].
    """

    max_model_len: int
    memory_fraction: float | None
    prompt: int
    answer: int
    states: int | None = None
    max_num_batched_tokens: int | None = None
    max_num_seqs: int | None = None
    block_size: int = BLOCK_TOKENS
    prefix_caching: bool | None = None
    images_per_prompt: int | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """A server that starts: what runs on what, and what it was told.

    Attributes
    ----------
    model, hardware, precision, layout
        What runs on what, in which types and plan.
    engine : Engine
        With the requests and tokens of a step that it is set to.
    settings : ServerSettings
        What it was told.
    grid : Grid
        Of the plan, its engine and techniques, and one request of the longest context.
    """

    model: Model
    hardware: Hardware
    precision: Precision
    layout: Layout
    engine: Engine
    settings: ServerSettings
    grid: Grid

    @property
    def techniques(self) -> Techniques:
        """Adapters, drafting and what is kept on the host."""
        return self.grid.techniques

    @property
    def share(self) -> float:
        """The share of memory that it takes, as told or by its engine's default [1]."""
        told = self.settings.memory_fraction
        return float(memory_share(self.model, self.hardware, told, self.grid))

    @property
    def stage_share(self) -> float:
        """Share of the layers that the fullest stage has [1]."""
        count = self.model.layer_count
        return -(-count // self.layout.pp) / count

    def token_bytes(self) -> float:
        """Bytes of a token in all layers of a stage, whatever they keep [bytes]."""
        pages = cache_groups(self.model, self.precision.kv_bytes, self.layout.tp)
        found = pages.groups if pages else ()
        own = sum(one.layers * one.page.token_bytes / one.page.entry_tokens for one in found
                  if one.page.kept != "state")  # fmt: skip
        return own * self.stage_share


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUp:
    """What the fullest device of a replica holds once its engine has started.

    Attributes
    ----------
    visible_bytes, allowed_bytes : float
        What a program sees of the device, and the share that the engine may fill [bytes].
    weights_bytes, activations_bytes, outside_bytes, graphs_bytes : float
        Weights; the peak of activations that is kept free; what lies outside of the allocator;
        captured graphs, 0 where they are not counted [bytes].
    pool_bytes, state_bytes : float
        Left for the cache; of it states that have a pool of their own; below zero: missing [bytes].
    block_tokens, blocks : float
        Tokens of a block, and blocks of the pool; of an engine without groups all tokens [1].
    tokens, concurrency : float
        As the engine prints them: tokens of the pool, requests of the longest context [1].
    longest : float
        Longest context with which the engine starts, at most the one asked for [tokens].
    running : float
        Requests of the prompts and answers asked for that run at once [1].
    """

    visible_bytes: float
    allowed_bytes: float
    weights_bytes: float
    activations_bytes: float
    outside_bytes: float
    graphs_bytes: float
    pool_bytes: float
    state_bytes: float = 0.0
    block_tokens: float
    blocks: float
    tokens: float
    concurrency: float
    longest: float
    running: float

    @property
    def starts(self) -> bool:
        """Whether the engine starts: a request of the longest context has room."""
        return self.pool_bytes > 0 and self.concurrency >= 1
