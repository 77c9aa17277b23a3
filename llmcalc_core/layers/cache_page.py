"""What a layer keeps of a sequence in the blocks of a paged cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kept = Literal["all", "window", "chunk", "state"]
"""Every token; the last tokens of a window; those of the current chunk; a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePage:
    """One cache of one layer on one device, as an engine lays it out in blocks.

    Attributes
    ----------
    kept : {'all', 'window', 'chunk', 'state'}
        Which tokens of a sequence a cache keeps.
    token_bytes : float
        Bytes of a token; of a state, all of it [bytes].
    reach : int
        Tokens of the window or chunk; 0 where all are kept [tokens].
    block : int
        Tokens of a block, where the kernels of the layer fix it; 0 where the engine's own serves
        [tokens].
    entry_tokens : int
        Tokens that one stored entry stands for [tokens].
    alignment : int
        What the bytes of a block are rounded up to [bytes].
    latent : bool
        Whether it holds latents of multi-head latent attention, or what goes with them.
    checkpoint_tokens : int
        Tokens at whose multiples a state can be kept while a prompt is read; 0 where it can't be
        [tokens].
    """

    kept: Kept = "all"
    token_bytes: float
    reach: int = 0
    block: int = 0
    entry_tokens: int = 1
    alignment: int = 1
    latent: bool = False
    checkpoint_tokens: int = 0

    def page_bytes(self, block: int) -> int:
        """Give the bytes of a block of so many tokens; of a state, its own [bytes].

        Examples
        --------
        Keys and values of one head of 128 in 16 bits, and DeepSeek-V4's entries of 128 tokens:

        >>> CachePage(token_bytes=512).page_bytes(16)
        8192
        >>> CachePage(token_bytes=584, entry_tokens=128, alignment=576).page_bytes(256)
        1728
        """
        if self.kept == "state":
            return round(self.token_bytes)
        own = round(block // self.entry_tokens * self.token_bytes)
        return -(-own // self.alignment) * self.alignment
