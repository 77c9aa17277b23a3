"""Groups of caches whose pages differ, one after the other in each block (DeepSeek-V4).

``_get_packed_kv_cache_groups`` of vllm/v1/core/kv_cache_planning.py 0.33, read 2026-11-30.
"""

from __future__ import annotations

from llmcalc_core.layers.cache_page import CachePage

Counted = tuple[tuple[int, CachePage], ...]
"""Pages of layers, and how many layers have each."""


def packed_groups(pages: Counted) -> list[Counted]:
    """Group pages of several sizes: those that keep the same tokens in one table.

    A table whose pages come in equal numbers is a pattern that is repeated; the others are divided
    so that they repeat as often.

    Parameters
    ----------
    pages : tuple of (int, CachePage)
        Layers of each kind of page, with its block.

    Returns
    -------
    list of tuple of (int, CachePage)
        The layers of each group.

    Examples
    --------
    Of 43 windows and 21 pairs of states that wait, windows become two groups:

    >>> window = CachePage(kept="window", reach=128, block=64, token_bytes=584, alignment=576)
    >>> states = [CachePage(kept="window", reach=8, block=4, token_bytes=size, alignment=576)
    ...           for size in (8192, 2048)]
    >>> [[count for count, _ in table]
    ...  for table in packed_groups(((43, window), (21, states[0]), (21, states[1])))]
    [[22], [21], [21, 21]]
    """
    tables: dict[tuple[str, int, int], list[tuple[int, CachePage]]] = {}
    for count, page in pages:
        tables.setdefault((page.kept, page.reach, page.block), []).append((count, page))
    balanced = [len({count for count, _ in table}) == 1 for table in tables.values()]
    patterns = [
        table[0][0]
        for table, even in zip(tables.values(), balanced, strict=True)
        if even and len(table) > 1
    ]
    repeats = [table[0][0] for table, even in zip(tables.values(), balanced, strict=True) if even]
    each = _least_padding(repeats, max(patterns)) if patterns else 0
    groups: list[Counted] = []
    for table, even in zip(tables.values(), balanced, strict=True):
        number = -(-table[0][0] // each) if even and each else 1
        groups += [
            tuple((count // number + (one < count % number), page) for count, page in table)
            for one in range(number)
        ]
    return groups


def _least_padding(counts: list[int], least: int) -> int:
    """Give the size from ``least`` on that pads the counts least; the largest of several."""
    sizes = range(least, max(counts) + 1)
    return max(sizes, key=lambda size: (-sum(-count % size for count in counts), size))
