"""How one replica of a model is laid out over devices, and which layouts are legal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from llmcalc_core.domain.checks import whole_number
from llmcalc_core.domain.model import Model


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Layout:
    """Tensor, pipeline and expert parallelism of one replica.

    Parameters
    ----------
    tp : int
        Tensor parallel width: devices that share the heads and columns of a layer.
    pp : int, default 1
        Pipeline stages.
    ep : int, default 1
        Expert parallel width: groups that the experts are divided over. Up to ``tp`` the
        experts use the devices of the tensor parallel group; beyond it the stage has ``ep``
        devices and attention runs in ``ep / tp`` replicas (attention data parallelism).

    Examples
    --------
    >>> Layout(tp=2, pp=2, ep=8).devices
    16
    """

    tp: int = 1
    pp: int = 1
    ep: int = 1

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return max(self.tp, self.ep) * self.pp


@lru_cache(maxsize=4096)
def divisors(number: int) -> tuple[int, ...]:
    """All divisors of a number, ascending.

    Examples
    --------
    >>> divisors(12)
    (1, 2, 3, 4, 6, 12)
    """
    return tuple(value for value in range(1, number + 1) if number % value == 0)


def check_layout(model: Model, *, tp: object, pp: object, ep: object) -> Layout:
    """Return the layout if the model can be laid out so.

    Raises
    ------
    ValueError
        If a width is no whole number, ``tp`` does not divide the heads, there are more stages
        than layers, or the experts can't be divided so.

    Examples
    --------
    >>> from llmcalc_core.domain.config import ModelConfig
    >>> from llmcalc_core.domain.model import architecture
    >>> tiny = architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=8, num_decoder_layers=2, num_attention_heads=4,
    ...     intermediate_size=8))
    >>> check_layout(tiny, tp=2, pp=2, ep=1)
    Layout(tp=2, pp=2, ep=1)
    """
    layout = Layout(
        tp=whole_number("tensor_parallel", tp),
        pp=whole_number("pipeline_parallel", pp),
        ep=whole_number("expert_parallel", ep),
    )
    if model.heads % layout.tp:
        closest = min(divisors(model.heads), key=lambda width: abs(width - layout.tp))
        msg = (
            f"tensor_parallel must divide the {model.heads} attention heads of {model.name}, "
            f"got {layout.tp}; the nearest valid value is {closest}"
        )
        raise ValueError(msg)
    if layout.pp > model.layer_count:
        msg = (
            f"pipeline_parallel must be at most the {model.layer_count} layers of {model.name}, "
            f"got {layout.pp}; the nearest valid value is {model.layer_count}"
        )
        raise ValueError(msg)
    _check_experts(model, layout)
    return layout


def _check_experts(model: Model, layout: Layout) -> None:
    if layout.ep == 1:
        return
    if not model.has_mixture:
        msg = (
            f"expert_parallel must be 1 for {model.name}, which has no mixture of experts, "
            f"got {layout.ep}"
        )
        raise ValueError(msg)
    valid = [
        width
        for width in divisors(model.experts)
        if layout.tp % width == 0 or width % layout.tp == 0
    ]
    if layout.ep not in valid:
        closest = min(valid, key=lambda width: abs(width - layout.ep))
        msg = (
            f"expert_parallel must divide the {model.experts} experts of {model.name}, and divide "
            f"tensor_parallel ({layout.tp}) or be a multiple of it, got {layout.ep}; "
            f"the nearest valid value is {closest}"
        )
        raise ValueError(msg)
