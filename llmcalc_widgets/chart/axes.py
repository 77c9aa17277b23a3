"""What the axes of the chart can show, and which way of each is better."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llmcalc_core import LIMITS, Evaluation, EvaluationRequest
from llmcalc_widgets.text.request_words import at_one_rate, price_kind_words
from llmcalc_widgets.text.units import number, percentile_text

Values = NDArray[np.float64]

_TOKENS = {"prefill": "Prompt", "decode": "Generated", "serving": "Generated"}
"""Tokens that a phase's throughput is about."""

PAID_TOKENS = {"prefill": "prompt", "decode": "generated", "serving": "prompt and generated"}
"""Tokens that a phase's costs are about."""

_OF_REQUESTS = ("ttft_s", "tpot_s", "e2e_latency_s")
"""Times that each request has one of, and so percentiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A figure of a plan that an axis can show.

    Attributes
    ----------
    name : str
        In a list to choose from.
    label : str
        On the axis; ``{tokens}`` stands for the tokens that the phase is about, ``{paid}`` for
        those that it pays for, ``{price}`` for the kind of the device's price.
    unit : str
        Of the values shown.
    column : str
        Where the figure is in the frame.
    scale : float
        What the column is multiplied by, or divides if ``inverse``.
    inverse : bool
        Whether the value is one over the column.
    small : bool
        Whether a small value is the better one.
    banded : bool
        Whether the column has an 80 % band.
    whole : bool
        Whether the values are counts.
    """

    name: str
    label: str
    unit: str
    column: str
    scale: float = 1.0
    inverse: bool = False
    small: bool
    banded: bool = False
    whole: bool = False

    @property
    def noun(self) -> str:
        """The name within a sentence: abbreviations stay as they are."""
        first, space, rest = self.name.partition(" ")
        return f"{first if first.isupper() else first.lower()}{space}{rest}"

    def of(self, request: EvaluationRequest) -> Quantity:
        """Give the same of the tokens, and the percentile, that a request is about."""
        label = self.label.format(
            tokens=_TOKENS[request.phase],
            paid=PAID_TOKENS[request.phase].capitalize(),
            price=price_kind_words(request.hardware[0]),
        )
        name, column = self.name, self.column
        if request.percentile is not None and column in _OF_REQUESTS:
            said = percentile_text(request.percentile)
            if self.inverse:
                label = f"{label}, {said} of TPOT"
            else:
                name, label = f"{said} of {self.noun}", f"{label}, {said}"
        return replace(self, name=name, label=label)

    def values(self, found: Evaluation) -> Values:
        """Give the value of every row."""
        return self.shown(found.column(self.column))

    def bands(self, found: Evaluation) -> tuple[Values, Values]:
        """Give the low and the high end of every row's 80 % band: the value, where it has none."""
        if not self.banded:
            return self.values(found), self.values(found)
        name = self.column.removesuffix("_s")
        low, high = (self.shown(found.column(f"{name}_{end}_s")) for end in ("low", "high"))
        return (high, low) if self.inverse else (low, high)

    def shown(self, figures: Values) -> Values:
        """Turn figures of the column into values of the axis."""
        return self.scale / figures if self.inverse else self.scale * figures

    def words(self, value: float) -> str:
        """Write a value with its unit."""
        return f"{int(value):,} {self.unit}" if self.whole else f"{number(value)} {self.unit}"

    def cost(self, found: Evaluation) -> Values:
        """Give what is better the smaller it is, above zero."""
        values = self.values(found)
        return values if self.small else 1 / values

    def limit(self, request: EvaluationRequest) -> float | None:
        """Give the limit that a request sets on it, if it does."""
        fields = dict(LIMITS.values())
        limit = getattr(request, fields[self.column]) if self.column in fields else None
        return None if limit is None else float(self.shown(np.array(limit)))


HOURS_PER_MONTH = 730.0
"""A year of 8,760 h in twelve."""

AXES = {
    "tpot": Quantity(
        name="TPOT",
        label="Time per output token [ms]",
        unit="ms",
        column="tpot_s",
        scale=1e3,
        small=True,
        banded=True,
    ),
    "ttft": Quantity(
        name="TTFT",
        label="Time to the first token [ms]",
        unit="ms",
        column="ttft_s",
        scale=1e3,
        small=True,
        banded=True,
    ),
    "e2e_latency": Quantity(
        name="End-to-end latency",
        label="Time from request to last token [s]",
        unit="s",
        column="e2e_latency_s",
        small=True,
    ),
    "tokens_per_s_per_user": Quantity(
        name="Tokens/s per user",
        label="Generated tokens/s per user",
        unit="tokens/s per user",
        column="tpot_s",
        inverse=True,
        small=False,
        banded=True,
    ),
    "tokens_per_s_per_device": Quantity(
        name="Tokens/s per device",
        label="{tokens} tokens/s per device",
        unit="tokens/s per device",
        column="tokens_per_s_per_device",
        small=False,
    ),
    "tokens_per_s": Quantity(
        name="Tokens/s in all",
        label="{tokens} tokens/s of all devices",
        unit="tokens/s",
        column="tokens_per_s",
        small=False,
    ),
    "devices": Quantity(
        name="Devices",
        label="Devices",
        unit="devices",
        column="devices",
        small=True,
        whole=True,
    ),
    "cost": Quantity(
        name="Cost",
        label="{paid} tokens: cost [USD per million, {price}]",
        unit="USD per million tokens",
        column="cost_usd_per_million_tokens",
        small=True,
    ),
    "usd_per_month": Quantity(
        name="USD per month",
        label="Cost of all devices [USD per month of 730 h, {price}]",
        unit="USD per month",
        column="cost_usd_per_hour",
        scale=HOURS_PER_MONTH,
        small=True,
    ),
    "batch": Quantity(
        name="In flight",
        label="Sequences in flight per replica",
        unit="in flight",
        column="batch",
        small=False,
        whole=True,
    ),
    "tp": Quantity(
        name="Tensor parallel",
        label="Tensor parallel width",
        unit="devices wide",
        column="tp",
        small=True,
        whole=True,
    ),
    "energy": Quantity(
        name="Energy",
        label="{paid} tokens: energy [J per token]",
        unit="J per token",
        column="energy_j_per_token",
        small=True,
    ),
}
"""By the names that ``x_axis`` and ``y_axis`` take."""

DEFAULT_AXES = {
    "prefill": ("ttft", "tokens_per_s_per_device"),
    "decode": ("tpot", "tokens_per_s_per_device"),
    "serving": ("tokens_per_s_per_user", "tokens_per_s_per_device"),
}
"""The axes of each phase where none are chosen."""


_AT_ONE_RATE = ("ttft", "tpot")
"""The usual axes where every plan gives as many tokens per second and device as all others."""


def usual_axes(request: EvaluationRequest) -> tuple[str, str]:
    """Name the axes of a request where none are chosen.

    Examples
    --------
    >>> from llmcalc_core import make_request
    >>> asked = {"phase": "serving", "request_rate": 5.0}
    >>> usual_axes(make_request("llama2_7b", "H100_80GB", 2, **asked))
    ('ttft', 'tpot')
    >>> usual_axes(make_request("llama2_7b", "H100_80GB", [2, 4], **asked))
    ('tokens_per_s_per_user', 'tokens_per_s_per_device')
    """
    return _AT_ONE_RATE if at_one_rate(request) else DEFAULT_AXES[request.phase]


def axes_of(usual: tuple[str, str], x_axis: str | None, y_axis: str | None) -> tuple[str, str]:
    """Name the axes across and up; what is not chosen is the usual one that is not taken.

    Examples
    --------
    >>> usual = DEFAULT_AXES["decode"]
    >>> axes_of(usual, None, "devices"), axes_of(usual, None, "tpot")
    (('tpot', 'devices'), ('tokens_per_s_per_device', 'tpot'))
    """
    across, up = usual
    if x_axis is None:
        x_axis = up if y_axis == across else across
    if y_axis is None:
        y_axis = across if x_axis == up else up
    return x_axis, y_axis
