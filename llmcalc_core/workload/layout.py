"""How one replica of a model is laid out over devices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Layout:
    """Tensor, pipeline, expert, attention data and context parallelism of one replica.

    Parameters
    ----------
    tp : int
        Tensor parallel width: devices that share the heads and columns of a layer.
    pp : int, default 1
        Pipeline stages.
    ep : int, default 1
        Expert parallel width: groups of a stage's devices that the experts are divided over; the
        devices of a group share the columns of its experts (TensorRT-LLM's hybrid of expert and
        tensor parallelism). Where it does not divide the experts, the slots left over hold copies
        of busy ones (redundant experts, DeepSeek-V3, arXiv:2412.19437, section 3.4).
    attention_dp : int, default 1
        Attention data parallelism: replicas of the attention inside a stage, each over ``tp``
        devices with sequences of its own.
    cp : int, default 1
        Context parallelism: groups of ``tp`` devices that the tokens of each prompt are divided
        over in prefill. Keys and values are gathered, so that each group keeps the whole cache
        and all repeat the same decode steps (vLLM's prefill context parallelism, docs/serving/
        context_parallel_deployment.md and pull request 46570; SGLang's, advanced_features/
        prefill_cp; both read 2026-11-23).

    Examples
    --------
    >>> Layout(tp=2, pp=2, ep=8, attention_dp=4).devices
    16
    """

    tp: int = 1
    pp: int = 1
    ep: int = 1
    attention_dp: int = 1
    cp: int = 1

    @property
    def stage_devices(self) -> int:
        """Devices of one pipeline stage."""
        return self.tp * self.attention_dp * self.cp

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.stage_devices * self.pp


@lru_cache(maxsize=4096)
def divisors(number: int) -> tuple[int, ...]:
    """All divisors of a number, ascending.

    Examples
    --------
    >>> divisors(12)
    (1, 2, 3, 4, 6, 12)
    """
    return tuple(value for value in range(1, number + 1) if number % value == 0)


def slots(experts: int, width: int) -> int:
    """Places for experts that an expert parallel width has, equally many on each rank.

    Examples
    --------
    >>> slots(256, 16), slots(256, 72)
    (256, 288)
    """
    return -(-experts // width) * width
