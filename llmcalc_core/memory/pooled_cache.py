"""Caches of a plan in SGLang's pools: one of tokens, with its windows, and one of states.

The pools have sizes that are settled at start-up, so that what is short of one is not lent by the
other (``_handle_max_mamba_cache`` of mem_cache/kv_cache_configurator.py 0.5.23 and
``set_num_tokens_hybrid_swa`` of model_runner_kv_cache_mixin.py 0.5.9; read 2026-11-30).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.layers.kv_cache import cached_tokens, requests
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid, axis

STATES_TO_TOKENS = 0.9
"""Bytes of the pool of states for each byte of that of tokens (``mamba_full_memory_ratio``)."""

_WINDOW_TOKENS = {
    "deepseek-ai/DeepSeek-V4": 0.1, "google/gemma-4": 0.8, "meta-llama/Llama-4": 0.8,
    "openai/gpt-oss": 0.8, "stepfun-ai/Step-3": 0.8, "XiaomiMiMo/MiMo-V2": 0.8,
}  # fmt: skip
"""Tokens of the pool of windows for each token of that of all (``swa_full_tokens_ratio``), by how
the names of models begin that have one (``is_hybrid_swa_model`` of configs/model_config.py and
model_overrides/deepseek_v4.py 0.5.23); windows of others keep all tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBytes:
    """What a device that has all layers keeps.

    Attributes
    ----------
    token, window, state : float
        Bytes of a token in layers that keep all of them, of one in those that keep a window, and
        of all states of a request [bytes].
    reach : int
        Tokens of the widest window; 0 without any [tokens].
    window_tokens : float
        Tokens of the pool of windows for each token of the other one [1].
    plain : bool
        Whether every layer keeps all tokens because it sees them.
    """

    token: float
    window: float
    state: float
    reach: int
    window_tokens: float
    plain: bool

    @property
    def each(self) -> float:
        """Bytes of the pools of tokens for each token of the first of them [bytes]."""
        return self.token + self.window_share * self.window

    def of_stage(self, share: float) -> KeptBytes:
        """Give what a device keeps that has this share of the layers."""
        token, window, state = (share * own for own in (self.token, self.window, self.state))
        return replace(self, token=token, window=window, state=state)

    @property
    def window_share(self) -> float:
        """Tokens that windows have for each token of the pool [1]."""
        return self.window_tokens if self.token else 1.0


@lru_cache(maxsize=1024)
def kept_bytes(model: Model, element: float, tp: int) -> KeptBytes:
    """Sum what the layers of a model keep, by what they keep.

    Parameters
    ----------
    model : Model
        Its layers.
    element : float
        Bytes of an element of the cache [bytes].
    tp : int
        Tensor parallel width [1].

    Returns
    -------
    KeptBytes
        Of a device that has all layers.

    Examples
    --------
    >>> from llmcalc_core.hub.models import find_model
    >>> from llmcalc_core.architecture.model import architecture
    >>> for name in ("openai/gpt-oss-20b", "google/gemma-3-27b-pt"):
    ...     found = kept_bytes(architecture(find_model(name)), 2.0, 1)
    ...     print(found.token / 2048, found.window / 2048, found.reach)
    12.0 12.0 128
    248.0 0.0 0
    """
    ratio = next(
        (own for start, own in _WINDOW_TOKENS.items() if model.name.startswith(start)), 0.0
    )
    kinds: set[str] = set()
    token = window = state = 0.0
    reach = 0
    for part, count in zip(model.parts, np.ravel(section_counts(model)).tolist(), strict=False):
        for page in part.cache_pages(element, tp):
            kinds.add(page.kept)
            each = count * page.token_bytes / page.entry_tokens
            if page.kept == "state":
                state += each
            elif page.kept == "all" or not ratio:
                token += each
            else:
                window += each
                reach = max(reach, page.reach)
    return KeptBytes(
        token=token, window=window, state=state, reach=reach, window_tokens=ratio,
        plain=kinds <= {"all"},
    )  # fmt: skip


def pooled_bytes(model: Model, precision: Precision, grid: Grid) -> Values | None:
    """Count what the pools must have for the caches of all requests of a plan.

    Parameters
    ----------
    model, precision
        What is stored, in which types.
    grid : Grid
        Plans and workloads.

    Returns
    -------
    float or array, or None
        On a device that has all layers [bytes]: where states have a pool, both pools together, of
        which the one that is short settles the other. None where an engine has no such pools, or
        every layer sees all tokens, so that their bytes are those that they fill.
    """
    if not grid.engine.pools_caches or grid.beams > 1:
        return None
    widths = [layout.tp for layout in grid.layouts]
    found = {width: kept_bytes(model, precision.kv_bytes, width) for width in set(widths)}
    if all(one.plain for one in found.values()):
        return None
    kept = [found[width] for width in widths]
    each, state, share = (
        axis([getattr(one, name) for one in kept], 0) for name in ("each", "state", "window_share")
    )
    reach = max(one.reach for one in kept)
    count = requests(grid)
    tokens: Floats = np.asarray(cached_tokens(grid))
    if reach:
        whole = tokens if any(one.token for one in kept) else 0.0
        tokens = np.maximum(whole, cached_tokens(grid, window=reach) / share)
    of_tokens = count * tokens * each
    of_states = count * grid.engine.states_per_request * state
    if not any(one.state for one in kept):
        return of_tokens
    both = 1 + STATES_TO_TOKENS
    return np.maximum(of_tokens * both, of_states * both / STATES_TO_TOKENS)
