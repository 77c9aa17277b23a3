"""How long prompts and answers are, drawn one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.checks import positive, share, whole_number
from llmcalc_core.shown import shown

Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedLengths:
    """All of one length.

    Parameters
    ----------
    tokens : int
        The length, at least 1 [tokens].

    Raises
    ------
    ValueError
        For a length below 1.
    """

    tokens: int

    def __post_init__(self) -> None:
        """Check the length."""
        object.__setattr__(self, "tokens", whole_number("tokens", self.tokens))

    def draw(self, random: np.random.Generator, count: int) -> Integers:
        """Give ``count`` lengths, shape (count,) [tokens]; nothing is drawn.

        Examples
        --------
        >>> FixedLengths(tokens=128).draw(np.random.default_rng(0), 3).tolist()
        [128, 128, 128]
        """
        del random
        return np.full(count, self.tokens, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformLengths:
    """Whole numbers from a range around a mean, each as likely as another.

    Parameters
    ----------
    tokens : int
        Middle of the range, at least 1 [tokens].
    range_ratio : float
        Half the width of the range over its middle, at least 0 and below 1 [1]: from
        ``floor(tokens * (1 - range_ratio))``, but at least 1, to
        ``ceil(tokens * (1 + range_ratio))`` (vLLM 0.33.0, ``vllm bench serve
        --random-range-ratio``, ``get_sampling_params`` in vllm/benchmarks/datasets/utils.py).

    Raises
    ------
    ValueError
        For a value out of range.
    """

    tokens: int
    range_ratio: float

    def __post_init__(self) -> None:
        """Check both values."""
        object.__setattr__(self, "tokens", whole_number("tokens", self.tokens))
        ratio = share("range_ratio", self.range_ratio)
        if ratio == 1:
            msg = f"range_ratio must be at least 0 and below 1, got {shown(self.range_ratio)}"
            raise ValueError(msg)
        object.__setattr__(self, "range_ratio", ratio)

    def draw(self, random: np.random.Generator, count: int) -> Integers:
        """Draw ``count`` lengths, shape (count,) [tokens].

        Examples
        --------
        >>> drawn = UniformLengths(tokens=10, range_ratio=0.25).draw(np.random.default_rng(0), 999)
        >>> int(drawn.min()), int(drawn.max())
        (7, 13)
        """
        least = max(math.floor(self.tokens * (1 - self.range_ratio)), 1)
        most = math.ceil(self.tokens * (1 + self.range_ratio))
        return random.integers(least, most + 1, count)


@dataclass(frozen=True, slots=True, kw_only=True)
class LognormalLengths:
    """Lengths whose logarithms are normal, as those of chats nearly are; rounded, at least 1.

    Parameters
    ----------
    mean : float
        Their mean, before they are cut off [tokens].
    sigma : float
        Standard deviation of their logarithms [1].
    most : int, optional
        Longest; longer ones become as long [tokens].

    Raises
    ------
    ValueError
        For a value out of range.
    """

    mean: float
    sigma: float
    most: int | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        object.__setattr__(self, "mean", positive("mean", self.mean, unit="tokens"))
        object.__setattr__(self, "sigma", positive("sigma", self.sigma, zero=True))
        if self.most is not None:
            object.__setattr__(self, "most", whole_number("most", self.most))

    def draw(self, random: np.random.Generator, count: int) -> Integers:
        """Draw ``count`` lengths, shape (count,) [tokens].

        Examples
        --------
        >>> drawn = LognormalLengths(mean=500, sigma=1).draw(np.random.default_rng(0), 100_000)
        >>> round(float(drawn.mean())), int(np.median(drawn))
        (500, 302)
        """
        middle = math.log(self.mean) - self.sigma**2 / 2
        drawn = np.rint(random.lognormal(middle, self.sigma, count))
        return np.clip(drawn, 1, self.most).astype(np.int64)


Lengths: TypeAlias = FixedLengths | UniformLengths | LognormalLengths
"""Any of these."""


def check_lengths(name: str, lengths: object) -> None:
    """Refuse what lengths can not be drawn of.

    Raises
    ------
    ValueError
        With what can.

    Examples
    --------
    >>> check_lengths("output_lengths", FixedLengths(tokens=5))
    """
    if not isinstance(lengths, Lengths):
        msg = f"{name} must be Fixed-, Uniform- or LognormalLengths, got {shown(lengths)}"
        raise ValueError(msg)  # noqa: TRY004 - all bad input is a ValueError
