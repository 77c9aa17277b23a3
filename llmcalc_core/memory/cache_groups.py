"""How vLLM puts the caches of layers into groups that share one pool of equal blocks.

The rules are those of ``get_kv_cache_groups`` (vllm/v1/core/kv_cache_planning.py 0.33, read
2026-11-30): layers that keep the same tokens form one group. Where they keep different ones, every
block of every group has the same size: layers with smaller pages get more tokens in a block, states
are padded, and a kind with more layers than another is divided into groups of as many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import lcm

import numpy as np

from llmcalc_core.architecture.drafting import Draft, draft_width
from llmcalc_core.architecture.model import Model
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.layers.cache_page import CachePage
from llmcalc_core.memory.packed_groups import packed_groups

BLOCK_TOKENS = 16
"""Tokens of a block where nothing asks for more (``CacheConfig.DEFAULT_BLOCK_SIZE``)."""

_LATENT_BLOCK = 128
"""Of what blocks of latents beside states have a multiple (``_align_hybrid_block_size``)."""

_PADDED = 1.5
"""Kinds with fewer than so many times the layers of the rarest one are padded to one group."""

Counted = tuple[tuple[int, CachePage], ...]
"""Pages of layers, and how many layers have each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheGroup:
    """Layers that have their blocks in common.

    Attributes
    ----------
    page : CachePage
        What a layer keeps; its ``block`` is that of the group.
    layers : float
        How many.
    """

    page: CachePage
    layers: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheGroups:
    """The groups of a model on a device, whose blocks are as large as each other.

    Attributes
    ----------
    groups : tuple of CacheGroup
        One for each table of blocks that a request has.
    block_bytes : int
        Of a block, of all layers of a group [bytes].
    state_blocks : int
        Blocks of states that a request is counted with in each group of them [1].
    """

    groups: tuple[CacheGroup, ...]
    block_bytes: int
    state_blocks: int


@lru_cache(maxsize=1024)
def cache_groups(
    model: Model,
    element: float,
    tp: int,
    *,
    prefix_caching: bool = True,
    draft: Draft | None = None,
    block_tokens: int = BLOCK_TOKENS,
) -> CacheGroups | None:
    """Group the caches of a model as vLLM does.

    Parameters
    ----------
    model : Model
        Its layers.
    element : float
        Bytes of an element of the cache [bytes].
    tp : int
        Tensor parallel width [1].
    prefix_caching : bool, default True
        Whether prefixes are kept, for which states are copied where a block ends.
    draft : Draft, optional
        What drafts, whose layers have caches as well.
    block_tokens : int, optional
        Tokens of a block where no layer asks for more (``--block-size``) [tokens].

    Returns
    -------
    CacheGroups or None
        None for a model without any cache.

    Examples
    --------
    >>> from llmcalc_core.hub.models import find_model
    >>> from llmcalc_core.architecture.model import architecture
    >>> found = cache_groups(architecture(find_model("google/gemma-3-27b-pt")), 2.0, 1)
    >>> [one.layers for one in found.groups], found.block_bytes
    ([9, 9, 9, 9, 8, 8, 10], 1310720)
    """
    pages = _counted(model, element, tp)
    if draft is not None:
        for page, count in _counted(draft.model, element, draft_width(draft.model, tp)).items():
            pages[page] += draft.copies * count
    counted = tuple((count, page) for page, count in pages.items())
    return grouped(counted, caching=prefix_caching, block_tokens=block_tokens)


def _counted(model: Model, element: float, tp: int) -> Counter[CachePage]:
    """Count the pages of all layers of a model."""
    pages: Counter[CachePage] = Counter()
    for part, count in zip(model.parts, np.ravel(section_counts(model)).tolist(), strict=False):
        for page in part.cache_pages(element, tp):
            pages[page] += round(count)
    return pages


def grouped(
    counted: Counted, *, caching: bool = True, block_tokens: int = BLOCK_TOKENS
) -> CacheGroups | None:
    """Group pages that are counted already; see :func:`cache_groups`."""
    if not counted:
        return None
    hybrid = {page.kept == "state" for _, page in counted} == {True, False}
    aligned = caching and hybrid
    checkpoints = all(page.checkpoint_tokens for _, page in counted if page.kept == "state")
    states = (3 if checkpoints else 2) if aligned else 1
    pages = _with_blocks(counted, block_tokens, hybrid=hybrid, aligned=aligned)
    if len({(page.kept, page.reach, page.block) for _, page in pages}) == 1:
        groups = tuple(CacheGroup(page=page, layers=count) for count, page in pages)
        return CacheGroups(
            groups=(_joined(groups),), block_bytes=_bytes(groups), state_blocks=states
        )
    if any(page.alignment > 1 for _, page in pages):
        tables = [
            tuple(CacheGroup(page=page, layers=count) for count, page in table)
            for table in packed_groups(pages)
        ]
        return CacheGroups(
            groups=tuple(map(_joined, tables)),
            block_bytes=max(map(_bytes, tables)),
            state_blocks=states,
        )
    equal = _of_equal_pages(pages)
    size = max(page.page_bytes(page.block) for _, page in equal)
    groups = tuple(_of_equal_layers(equal))
    most = max(group.layers for group in groups)
    return CacheGroups(groups=groups, block_bytes=round(most * size), state_blocks=states)


def _joined(groups: tuple[CacheGroup, ...]) -> CacheGroup:
    """Give pages of the same tokens as one group: that of their first."""
    return replace(groups[0], layers=sum(group.layers for group in groups))


def _bytes(groups: Iterable[CacheGroup]) -> int:
    return round(sum(group.layers * group.page.page_bytes(group.page.block) for group in groups))


def _with_blocks(counted: Counted, least: int, *, hybrid: bool, aligned: bool) -> Counted:
    """Settle the tokens of a block: what is asked for, or what a state takes the bytes of."""
    block = max((page.block for _, page in counted), default=0) or least
    if hybrid:
        block = _beside_states(counted, block, aligned=aligned)
    return tuple(
        (count, page if page.block else replace(page, block=block)) for count, page in counted
    )


def _beside_states(counted: Counted, block: int, *, aligned: bool) -> int:
    """Give the tokens of a block that is as large as a state (``_align_hybrid_block_size``)."""
    states = [page for _, page in counted if page.kept == "state"]
    others = [page for _, page in counted if page.kept != "state"]
    step = max(block, _LATENT_BLOCK if any(page.latent for page in others) else 0)
    if aligned and all(page.checkpoint_tokens for page in states):
        step = lcm(step, *(page.checkpoint_tokens for page in states))
    token = max(page.page_bytes(1) for page in others)
    state = max(page.page_bytes(0) for page in states)
    return max(block, step * -(-state // (step * token)))


def _of_equal_pages(pages: Counted) -> Counted:
    """Give layers with smaller pages more tokens in a block (``unify_kv_cache_spec_page_size``)."""
    size = max(page.page_bytes(page.block) for _, page in pages)
    equal = []
    for count, page in pages:
        times, rest = divmod(size, page.page_bytes(page.block))
        grows = page.kept != "state" and not rest
        equal.append((count, replace(page, block=page.block * times) if grows else page))
    return tuple(equal)


def _of_equal_layers(pages: Counted) -> list[CacheGroup]:
    """Divide kinds into groups of as many layers (``_get_kv_cache_groups_uniform_page_size``)."""
    kinds: dict[CachePage, int] = {}
    for count, page in sorted(pages, key=lambda one: one[1].kept == "all"):
        like = next((kind for kind in kinds if _mixes(kind, page)), page)
        kinds[like] = kinds.get(like, 0) + count
    least, most = min(kinds.values()), max(kinds.values())
    size = most if most < _PADDED * least else least
    groups = []
    for page, count in kinds.items():
        tables = -(-count // size)
        groups += [
            CacheGroup(page=page, layers=count // tables + (table < count % tables))
            for table in range(tables)
        ]
    return groups


def _mixes(one: CachePage, other: CachePage) -> bool:
    """Whether layers may share a table of blocks."""
    return (one.kept, one.reach, one.block) == (other.kept, other.reach, other.block) and (
        one.page_bytes(one.block) == other.page_bytes(other.block)
    )
