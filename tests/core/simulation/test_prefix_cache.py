"""Blocks of the KV cache by content."""

from __future__ import annotations

from llmcalc_core.simulation.prefix_cache import PrefixCache
from tests.core.simulated import requests_of

FOUR = requests_of([(12, 1)] * 4, prefix=[0, 0, 1, -1], prefix_tokens=[8, 8, 12, 0])


def computed(cache: PrefixCache, request: int) -> tuple[int, int]:
    found = cache.find(request, 12)
    cache.take(request)
    cache.fill(request, 12)
    return found


def test_blocks_in_use_are_found_but_are_not_idle() -> None:
    cache = PrefixCache(FOUR, 4)
    assert computed(cache, 0) == (0, 0)
    assert computed(cache, 1) == (2, 0)
    assert cache.idle == 0
    # Its third block alone is free, and stays cached; the other two are still in use.
    assert cache.release(1, 12, 12) == 1
    assert cache.idle == 1
    assert cache.release(0, 12, 12) == 3
    assert cache.idle == 4
    assert cache.find(1, 12) == (2, 2)  # the last token is always computed
    assert cache.find(1, 13) == (3, 3)


def test_what_became_idle_first_is_forgotten_first_and_of_it_the_end() -> None:
    cache = PrefixCache(FOUR, 4)
    for request in (0, 2):
        computed(cache, request)
        cache.release(request, 12, 12)
    assert cache.idle == 6
    cache.evict(1)  # the block that the first one alone can use
    assert (cache.find(1, 12), cache.find(2, 12)) == ((2, 2), (2, 2))
    cache.evict(1)
    assert (cache.find(1, 12), cache.find(2, 12)) == ((1, 1), (2, 2))
    cache.evict(2)
    assert (cache.find(1, 12), cache.find(2, 12)) == ((0, 0), (2, 2))
    assert cache.idle == 2


def test_a_request_finds_what_it_alone_can_use_until_it_has_ended() -> None:
    cache = PrefixCache(FOUR, 4)
    computed(cache, 3)
    cache.release(3, 12, 12)
    assert cache.find(3, 16) == (3, 3)
    cache.evict(1)
    assert cache.find(3, 16) == (2, 2)
    cache.forget(3)
    assert cache.find(3, 16) == (0, 0)


def test_a_long_run_keeps_no_more_than_the_cache_holds() -> None:
    cache = PrefixCache(FOUR, 4)
    for _ in range(100):
        for request in (0, 2):
            computed(cache, request)
            cache.release(request, 12, 12)
            cache.evict(cache.idle)
    assert len(cache._content) <= 3
