"""Blocks of the KV cache that hold beginnings of prompts for those who come later."""

from __future__ import annotations

from collections import OrderedDict

from llmcalc_core.workload.requests import Requests

_STREAM = 2**24
"""Most blocks of one sequence of tokens: a key is the sequence times this, plus the place in it."""


class PrefixCache:
    """Whole blocks by content: in use, or idle and kept until the memory is wanted.

    The rules are those of vLLM 0.33.0. A hit is the longest run of cached blocks from the first one
    on (``FullAttentionManager.find_longest_cache_hit``), at most all but the last token
    (``KVCacheManager.get_computed_blocks``). A block is cached when the step that fills it is
    scheduled (``allocate_slots``), so that a request of the same step finds it. A request gives its
    blocks back last one first; those that nobody uses stay cached, and the memory of those that
    became idle first is taken first, after that of blocks without content
    (``BlockPool.free_blocks``). Two blocks may hold the same tokens; the older one is found.

    Blocks that one request alone can use are kept as one run of a length. Blocks of an answer in a
    conversation are found once the request has ended or was preempted.

    Parameters
    ----------
    requests : Requests
        Whose prompts share what.
    block_tokens : int
        Tokens of one block [tokens].

    Attributes
    ----------
    idle : int
        Blocks that are cached and used by nobody; they count as free [blocks].
    """

    __slots__ = (
        "_at",
        "_block_tokens",
        "_content",
        "_conversation",
        "_found",
        "_held",
        "_lru",
        "_prefix",
        "_prefix_blocks",
        "_run",
        "_runs",
        "_shares",
        "_spare",
        "_users",
        "idle",
    )

    def __init__(self, requests: Requests, block_tokens: int) -> None:
        self.idle = 0
        self._block_tokens = block_tokens
        self._prefix = [one * _STREAM for one in requests.prefix.tolist()]
        self._prefix_blocks = (requests.prefix_tokens // block_tokens).tolist()
        first = int(requests.prefix.max(initial=-1)) + 1
        self._conversation = [
            (first + one) * _STREAM if one >= 0 else -1 for one in requests.conversation.tolist()
        ]
        self._shares = ((requests.conversation >= 0) | (requests.prefix_tokens > 0)).tolist()
        self._at: dict[int, list[int]] = {}  # content -> blocks that hold it, oldest first
        self._content: list[int] = []  # of each block
        self._users: list[int] = []  # requests that use each block
        self._spare: list[int] = []  # blocks whose content is forgotten
        self._held: dict[int, list[int]] = {}  # request -> its blocks that others can use
        self._lru: OrderedDict[int, int] = OrderedDict()  # block, or run below 0 -> idle blocks
        self._run: dict[int, int] = {}  # request -> run of blocks that it alone can use
        self._runs = 0
        self._found: tuple[list[int], int] = ([], 0)

    def find(self, request: int, tokens: int) -> tuple[int, int]:
        """Look up the beginning of a request's tokens.

        Parameters
        ----------
        request : int
            Which request.
        tokens : int
            Tokens that it must have computed [tokens].

        Returns
        -------
        tuple of int
            Blocks of them that are cached, and how many of these are idle [blocks].
        """
        if not self._shares[request] and request not in self._run:
            self._found = ([], 0)
            return 0, 0
        limit = (tokens - 1) // self._block_tokens
        at, users = self._at, self._users
        blocks: list[int] = []
        for key in self._keys(request, 0, limit):
            same = at.get(key)
            if same is None:
                break
            blocks.append(same[0])
        idle = sum(not users[block] for block in blocks)
        own = 0
        if request in self._run and len(blocks) == self._shared(request, limit):
            own = min(self._lru.get(self._run[request], 0), limit - len(blocks))
        self._found = (blocks, own)
        return len(blocks) + own, idle + own

    def take(self, request: int) -> None:
        """Use the blocks that :meth:`find` found for this request just now."""
        blocks, own = self._found
        users, lru = self._users, self._lru
        for block in blocks:
            if not users[block]:
                del lru[block]
                self.idle -= 1
            users[block] += 1
        if self._shares[request]:
            self._held[request] = blocks
        if own:
            run = self._run.pop(request)
            self.idle -= own
            lru[run] -= own
            if not lru[run]:
                del lru[run]

    def fill(self, request: int, tokens: int) -> None:
        """Cache those blocks of a request that its first ``tokens`` tokens fill."""
        if not self._shares[request]:
            return
        held = self._held[request]
        for key in self._keys(request, len(held), tokens // self._block_tokens):
            if self._spare:
                block = self._spare.pop()
                self._content[block], self._users[block] = key, 1
            else:
                block = len(self._content)
                self._content.append(key)
                self._users.append(1)
            self._at.setdefault(key, []).append(block)
            held.append(block)

    def release(self, request: int, computed: int, known: int) -> int:
        """Give a request's blocks back.

        Parameters
        ----------
        request : int
            Which request.
        computed : int
            Its tokens that have room in its blocks [tokens].
        known : int
            Those of them whose blocks can be cached [tokens].

        Returns
        -------
        int
            Blocks that nobody uses any more [blocks].
        """
        self.fill(request, known)
        held = self._held.pop(request, ())
        own = -(-computed // self._block_tokens) - len(held)
        run = known // self._block_tokens - len(held)
        if run > 0:
            self._runs -= 1
            self._run[request] = self._runs
            self._lru[self._runs] = run
            self.idle += run
        freed = own
        for block in reversed(held):
            self._users[block] -= 1
            if not self._users[block]:
                self._lru[block] = 1
                self.idle += 1
                freed += 1
        return freed

    def evict(self, blocks: int) -> None:
        """Forget as many idle blocks, those that have been idle for the longest time first."""
        lru = self._lru
        self.idle -= blocks
        while blocks > 0:
            first = next(iter(lru))
            if lru[first] > blocks:
                lru[first] -= blocks
                return
            blocks -= lru.pop(first)
            if first >= 0:
                self._spare.append(first)
                same = self._at[self._content[first]]
                same.remove(first)
                if not same:
                    del self._at[self._content[first]]

    def forget(self, request: int) -> None:
        """Note that a request has ended and will look for its own blocks no more."""
        self._run.pop(request, None)

    def _shared(self, request: int, limit: int) -> int:
        """Count those of a request's first ``limit`` blocks that others can use, too."""
        return (
            limit if self._conversation[request] >= 0 else min(limit, self._prefix_blocks[request])
        )

    def _keys(self, request: int, start: int, stop: int) -> list[int]:
        """Name the contents of a request's blocks that others can use, too."""
        split = self._prefix_blocks[request]
        prefix = self._prefix[request]
        keys = list(range(prefix + start, prefix + min(stop, split))) if start < split else []
        conversation = self._conversation[request]
        if conversation >= 0 and stop > split:
            keys += range(conversation + max(start, split), conversation + stop)
        return keys
