"""Blocks that a request holds in the groups of a paged cache, at start-up and while it runs.

Of vLLM 0.33, read 2026-11-30: ``max_memory_usage_bytes`` of the specifications in
vllm/v1/kv_cache_interface.py (what is printed), and ``get_num_blocks_to_allocate`` and
``remove_skipped_blocks`` of vllm/v1/core/single_type_kv_cache_manager.py (what is held).
"""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.memory.cache_groups import CacheGroup, CacheGroups


def printed_blocks(groups: CacheGroups, *, length: Values, in_flight: Values) -> Values:
    """Count the blocks of a request that an engine counts with when it starts.

    Parameters
    ----------
    groups : CacheGroups
        Of the model.
    length : float or array
        Longest context, ``max_model_len`` [tokens].
    in_flight : float or array
        Tokens of all steps that are under way: ``max_num_batched_tokens`` once for each of them,
        of which asynchronous scheduling has two [tokens].

    Returns
    -------
    float or array
        Of all groups [blocks].
    """
    total: Values = 0.0
    for group in groups.groups:
        total = total + _counted(group, length, in_flight, groups.state_blocks, start_up=True)
    return total


def admitted_blocks(
    groups: CacheGroups, *, prompt: Values, in_flight: Values, drafted: float = 0.0
) -> Values:
    """Count the free blocks that a request needs to be let in: those of its whole prompt.

    Parameters
    ----------
    groups : CacheGroups
        Of the model.
    prompt : float or array
        Tokens of its prompt [tokens].
    in_flight : float or array
        As for :func:`printed_blocks`.
    drafted : float, default 0
        Tokens that are drafted, each with a state of its own [tokens].

    Returns
    -------
    float or array
        Of all groups [blocks].
    """
    total: Values = 0.0
    for group in groups.groups:
        total = total + _counted(group, prompt, in_flight, groups.state_blocks, start_up=False)
        if group.page.kept == "state":
            total = total + drafted
    return total


def _counted(
    group: CacheGroup, tokens: Values, in_flight: Values, states: int, *, start_up: bool
) -> Values:
    page = group.page
    whole = np.ceil(tokens / page.block)
    if page.kept == "all":
        return whole
    if page.kept == "state":
        # Of the blocks of a state one is where the request began: a prompt without a prefix in the
        # cache starts with one fewer, and with no more than it fills.
        return float(states) if start_up else np.clip(whole, 1, max(states - 1, 1))
    if page.kept == "chunk":
        return np.ceil(np.minimum(page.reach + in_flight, tokens) / page.block)
    most = np.ceil(np.minimum(page.reach - 1 + in_flight, tokens) / page.block) + 1
    return most if start_up else np.minimum(whole, most)


def steady_blocks(groups: CacheGroups, *, context: Values, drafted: float = 0.0) -> Values:
    """Count the blocks that a request holds while it decodes, in the mean over where blocks end.

    Parameters
    ----------
    groups : CacheGroups
        Of the model.
    context : float or array
        Tokens of its prompt and of its answer so far [tokens].
    drafted : float, default 0
        As for :func:`admitted_blocks` [tokens].

    Returns
    -------
    float or array
        Of all groups [blocks]: a window of w tokens lies in (w + b - 1) / b blocks of b.
    """
    total: Values = 0.0
    for group in groups.groups:
        page = group.page
        whole = np.ceil(context / page.block)
        if page.kept == "all":
            own: Values = whole
        elif page.kept == "state":
            own = 1.0 + drafted
        elif page.kept == "chunk":
            own = np.ceil(context % page.reach / page.block)
        else:
            own = np.minimum(whole, (page.reach + page.block - 1) / page.block)
        total = total + own
    return total


def printed_concurrency(
    groups: CacheGroups, *, blocks: Values, length: Values, in_flight: Values
) -> Values:
    """Give the concurrency that vLLM prints for a pool: requests of the longest context.

    Parameters
    ----------
    groups : CacheGroups
        Of the model.
    blocks : float or array
        Of the pool [blocks].
    length, in_flight : float or array
        As for :func:`printed_blocks` [tokens].

    Returns
    -------
    float or array
        Requests, not whole ones [1] (``get_max_concurrency_for_kv_cache_config``).
    """
    return blocks / printed_blocks(groups, length=length, in_flight=in_flight)


def running_requests(
    groups: CacheGroups,
    *,
    blocks: Values,
    prompt: Values,
    answer: Values,
    token_budget: Values,
    in_flight: Values,
) -> Values:
    """Count the equal requests that run at once before the first of them ends.

    A request is let in where its whole prompt has room, beside what the others hold by then: they
    have decoded for as many steps as it took to read the prompts after theirs. No more run than
    prompts can be read until the first answer ends.

    Parameters
    ----------
    groups : CacheGroups
        Of the model.
    blocks : float or array
        Of the pool, of which one is never used [blocks].
    prompt, answer : float or array
        Tokens of a request [tokens].
    token_budget : float or array
        Most tokens of a step [tokens].
    in_flight : float or array
        As for :func:`printed_blocks` [tokens].

    Returns
    -------
    float or array
        Whole requests [1]; 0 where the pool does not hold the prompt of one.
    """
    room = np.asarray(blocks - 1 - admitted_blocks(groups, prompt=prompt, in_flight=in_flight))
    steps = np.asarray(prompt / token_budget)
    ahead = np.maximum(room / steady_blocks(groups, context=prompt), 0.0)
    for _ in range(_ROUNDS):
        age = np.minimum((ahead + 1) / 2 * steps, answer)
        held = _mean_held(groups, prompt, age)
        ahead = (ahead + np.maximum(room / held, 0.0)) / 2
    most = np.minimum(np.floor(ahead + _TOLERANCE), np.floor(answer / steps))
    return np.where(room < 0, 0.0, most + 1)


_ROUNDS = 8
"""Rounds in which the number of requests and the age of their answers settle."""

_TOLERANCE = 1e-9


def _mean_held(groups: CacheGroups, prompt: Values, age: Values) -> Values:
    """Count the blocks of a request in the mean of those whose answers have 0 to twice ``age``."""
    start, end = (steady_blocks(groups, context=prompt + times * age) for times in (0, 2))
    return (start + end) / 2
